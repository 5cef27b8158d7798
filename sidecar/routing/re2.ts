import { toWire } from './wire-text.ts';

/**
 * RE2 patterns (what Envoy's and Istio's configuration holds) as JavaScript regular expressions. The translation is strict: what
 * RE2 knows and JavaScript does not is rewritten, what RE2 refuses (look-around, backreferences) is refused here too, so that a
 * pattern never silently means something else. The result is for the flag `v`.
 */
export type Translation = Readonly<{ ok: true; source: string }> | Readonly<{ ok: false; message: string }>;

/** Translates one RE2 pattern. */
export function translateRe2(pattern: string): Translation {
  const translator = new Translator(pattern);
  try {
    return { ok: true, source: translator.translate() };
  } catch (error) {
    if (error instanceof PatternError) return { ok: false, message: error.message };
    throw error;
  }
}

class PatternError extends Error {}

const posixClasses: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t\\x20',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '\\x21-\\x7E',
  lower: 'a-z',
  print: '\\x20-\\x7E',
  punct: '\\x21-\\x2F\\x3A-\\x40\\x5B-\\x60\\x7B-\\x7E',
  space: '\\t\\n\\v\\f\\r\\x20',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/** RE2's Perl classes are ASCII, and `\s` is without `\v`. */
const perlClasses: Readonly<Record<string, string>> = {
  d: '[0-9]',
  D: '[^0-9]',
  s: '[\\t\\n\\f\\r\\x20]',
  S: '[^\\t\\n\\f\\r\\x20]',
  w: '[0-9A-Za-z_]',
  W: '[^0-9A-Za-z_]',
};

const controlEscapes: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const generalCategory = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/;
const maxRepeat = 1000;

/** One open group: flag groups that `(?i)` opened inside of it and that must be closed with it. */
type Group = { flagGroups: string[] };

class Translator {
  readonly #pattern: string;
  #at = 0;
  #out = '';
  readonly #groups: Group[] = [{ flagGroups: [] }];

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  translate(): string {
    while (this.#at < this.#pattern.length) this.#step();
    if (this.#groups.length > 1) throw new PatternError('a group is not closed');
    this.#closeFlagGroups();
    return this.#out;
  }

  #step(): void {
    const character = this.#next();
    switch (character) {
      case '\\':
        this.#escape();
        break;
      case '[':
        this.#out += this.#class();
        break;
      case '(':
        this.#open();
        break;
      case ')':
        this.#close();
        break;
      case '|':
        this.#alternative();
        break;
      case '{':
        this.#repeat();
        break;
      case '*':
      case '+':
      case '?':
      case '.':
      case '^':
      case '$':
        this.#out += character;
        break;
      default:
        this.#out += literal(character);
    }
  }

  #next(): string {
    const character = String.fromCodePoint(this.#pattern.codePointAt(this.#at) ?? 0);
    this.#at += character.length;
    return character;
  }

  /** Takes what the sticky expression matches here. */
  #take(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.#pattern);
    if (match !== null) this.#at = expression.lastIndex;
    return match;
  }

  #escape(): void {
    const quoted = this.#take(/Q((?:(?!\\E)[^])*)(?:\\E)?/y);
    if (quoted !== null) {
      this.#out += Array.from(quoted[1] ?? '', literal).join('');
      return;
    }
    const assertion = this.#take(/[AzbB]/y);
    if (assertion !== null) {
      // Not `^` and `$`: those change their meaning under (?m).
      const outside: Readonly<Record<string, string>> = { A: '(?<![^])', z: '(?![^])' };
      this.#out += outside[assertion[0]] ?? `\\${assertion[0]}`;
      return;
    }
    this.#out += this.#classEscape() ?? literal(this.#characterEscape());
  }

  /** `\d`, `\pN`, `\p{^Greek}`: a set, usable inside and outside of brackets; null if it is no set. */
  #classEscape(): string | null {
    const perl = this.#take(/[dDsSwW]/y);
    if (perl !== null) return perlClasses[perl[0]] ?? null;
    const unicode = this.#take(/([pP])(?:\{(\^?)(\w+)\}|([A-Z]))/y);
    if (unicode === null) return null;
    const [, letter, caret, braced, single] = unicode;
    const name = braced ?? single ?? '';
    const isNegated = (letter === 'P') !== (caret === '^');
    if (name === 'Any') return isNegated ? '[]' : '[^]';
    const property = generalCategory.test(name) ? name : `Script=${name}`;
    return `\\${isNegated ? 'P' : 'p'}{${property}}`;
  }

  /** `\n`, `\x41`, `\x{1F600}`, `\101`, `\.`: one character. */
  #characterEscape(): string {
    const hex = this.#take(/x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/y);
    if (hex !== null) return fromCode(Number.parseInt(hex[1] ?? hex[2] ?? '', 16));
    const octal = this.#take(/0[0-7]{0,2}|[1-7][0-7]{1,2}/y);
    if (octal !== null) return fromCode(Number.parseInt(octal[0], 8));
    if (this.#at >= this.#pattern.length) throw new PatternError('it ends in a backslash');
    const character = this.#next();
    const control = controlEscapes[character];
    if (control !== undefined) return String.fromCharCode(control);
    if (/[0-9]/.test(character)) throw new PatternError('backreferences are not supported (RE2)');
    if (/[A-Za-z]/.test(character)) throw new PatternError(`the escape \\${character} is not supported (RE2)`);
    return character;
  }

  #class(): string {
    let out = this.#take(/\^/y) === null ? '[' : '[^';
    let isFirst = true;
    while (isFirst || this.#take(/\]/y) === null) {
      if (this.#at >= this.#pattern.length) throw new PatternError('a character class is not closed');
      out += this.#classItem();
      isFirst = false;
    }
    return `${out}]`;
  }

  #classItem(): string {
    const posix = this.#take(/\[:(\^?)(\w+):\]/y);
    if (posix !== null) {
      const members = posixClasses[posix[2] ?? ''];
      if (members === undefined) throw new PatternError(`the class ${posix[0]} is not known`);
      return `[${posix[1] ?? ''}${members}]`;
    }
    const isEscape = this.#take(/\\/y) !== null;
    const set = isEscape ? this.#classEscape() : null;
    if (set !== null) return set;
    const low = isEscape ? this.#characterEscape() : this.#next();
    if (this.#take(/-(?!\])/y) === null) return member(low);
    const high = this.#take(/\\/y) === null ? this.#next() : this.#characterEscape();
    if ((high.codePointAt(0) ?? 0) < (low.codePointAt(0) ?? 0))
      throw new PatternError(`the range ${low}-${high} is empty`);
    return `${member(low)}-${member(high)}`;
  }

  #open(): void {
    const named = this.#take(/\?P?<(?![=!])(\w+)>/y);
    const flags = named === null ? this.#take(/\?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])/y) : null;
    if (named === null && flags === null && this.#pattern[this.#at] === '?') {
      throw new PatternError('look-around and other extended groups are not supported (RE2)');
    }
    if (flags === null) {
      this.#out += named === null ? '(' : `(?<${named[1] ?? ''}>`;
      this.#groups.push({ flagGroups: [] });
      return;
    }
    const opening = flagGroup(flags[1] ?? '', flags[2] ?? '');
    this.#out += opening;
    if (flags[3] === ':') this.#groups.push({ flagGroups: [] });
    else this.#groups.at(-1)?.flagGroups.push(opening);
  }

  #close(): void {
    if (this.#groups.length === 1) throw new PatternError('a parenthesis is closed that was not opened');
    this.#closeFlagGroups();
    this.#groups.pop();
    this.#out += ')';
  }

  #closeFlagGroups(): void {
    this.#out += ')'.repeat(this.#groups.at(-1)?.flagGroups.length ?? 0);
  }

  /** `a(?i)b|c`: the flags go on behind the bar, but the bar does not belong to their group. */
  #alternative(): void {
    this.#closeFlagGroups();
    this.#out += `|${this.#groups.at(-1)?.flagGroups.join('') ?? ''}`;
  }

  #repeat(): void {
    const count = this.#take(/(\d+)(,?)(\d*)\}/y);
    if (count === null || (count[2] === '' && count[3] !== '')) {
      if (count !== null) this.#at -= count[0].length;
      this.#out += literal('{');
      return;
    }
    if (Number(count[1]) > maxRepeat || Number(count[3]) > maxRepeat) {
      throw new PatternError(`a repetition of more than ${maxRepeat} is not supported (RE2)`);
    }
    this.#out += `{${count[0]}`;
  }
}

function flagGroup(on: string, off: string): string {
  const unknown = /[^ims]/.exec(on + off);
  if (unknown !== null) throw new PatternError(`the flag ${unknown[0]} is not supported`);
  if (on === '' && off === '') return '(?:';
  return `(?${on}${off === '' ? '' : `-${off}`}:`;
}

function fromCode(code: number): string {
  if (code > 0x10_ffff) throw new PatternError('a character is beyond Unicode');
  return String.fromCodePoint(code);
}

/** A character that means itself, outside of brackets: beyond ASCII its UTF-8 octets, as values are octets. */
function literal(character: string): string {
  const octets = Array.from(toWire(character), single);
  return octets.length === 1 ? octets.join('') : `(?:${octets.join('')})`;
}

/** A character that means itself inside of brackets. */
function member(character: string): string {
  if (toWire(character).length > 1)
    throw new PatternError(`${character} in a class is not supported: values are octets`);
  return single(character);
}

function single(character: string): string {
  return /^[A-Za-z0-9]$/.test(character) ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
