/**
 * What is wrong with a regular expression by RE2's syntax, which is what proxies match with: it has no lookaround, no
 * backreferences, no possessive or atomic groups. Reads the expression once, left to right, without compiling it.
 */

const maxRepeat = 1000;
const maxDepth = 1000;
const posixClasses: ReadonlySet<string> = new Set(
  'alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit'.split(' '),
);
const plainEscapes = 'aftnrvdDsSwW';
const anchors = 'bBAz';

/** The reason why RE2 does not take an expression; `null` when it does. */
export function faultOfRe2(pattern: string): string | null {
  try {
    new Re2Reader(pattern).read();
    return null;
  } catch (error) {
    if (error instanceof Re2Fault) return error.message;
    throw error;
  }
}

class Re2Fault extends Error {}

class Re2Reader {
  readonly #text: string;
  readonly #groupNames = new Set<string>();
  #at = 0;
  #depth = 0;
  /** What a repetition here would repeat. */
  #before: 'nothing' | 'item' | 'repetition' = 'nothing';

  constructor(text: string) {
    this.#text = text;
  }

  read(): void {
    while (this.#at < this.#text.length) this.#readItem();
    if (this.#depth > 0) throw new Re2Fault('missing closing )');
  }

  #readItem(): void {
    const char = this.#next();
    switch (char) {
      case '(':
        return this.#openGroup();
      case ')':
        if (this.#depth === 0) throw new Re2Fault('unexpected )');
        this.#depth--;
        this.#before = 'item';
        return;
      case '|':
        this.#before = 'nothing';
        return;
      case '[':
        this.#readClass();
        this.#before = 'item';
        return;
      case '\\':
        this.#readEscape();
        this.#before = 'item';
        return;
      case '*':
      case '+':
      case '?':
        return this.#repeat(char);
      case '{':
        return this.#readBrace();
      default:
        this.#before = 'item';
    }
  }

  #openGroup(): void {
    if (++this.#depth > maxDepth) throw new Re2Fault('expression nests too deeply');
    this.#before = 'nothing';
    if (!this.#take('?')) return;
    const rest = this.#text.slice(this.#at);
    const lookaround = /^(?:[=!]|<[=!])/.exec(rest);
    if (lookaround !== null) throw new Re2Fault(`(?${lookaround[0]} is lookaround, which RE2 does not have`);
    const name = /^P?<(?<name>[^>]*)>/.exec(rest);
    if (name !== null) return this.#nameGroup(name[0], name.groups?.['name'] ?? '');
    const flags = /^(?=[imsU:-])(?:[imsU]*(?:-[imsU]+)?)(?<end>[:)])/.exec(rest);
    if (flags === null) throw new Re2Fault(`invalid or unsupported group (?${rest.slice(0, 2)}`);
    this.#at += flags[0].length;
    if (flags.groups?.['end'] === ')') this.#depth--;
  }

  #nameGroup(token: string, name: string): void {
    if (!/^\w+$/.test(name)) throw new Re2Fault(`invalid group name ${JSON.stringify(name)}`);
    if (this.#groupNames.has(name)) throw new Re2Fault(`duplicate group name ${name}`);
    this.#groupNames.add(name);
    this.#at += token.length;
  }

  #repeat(operator: string): void {
    if (this.#before === 'nothing') throw new Re2Fault(`missing argument to repetition operator ${operator}`);
    if (this.#before === 'repetition') throw new Re2Fault(`invalid nested repetition operator at ${operator}`);
    this.#take('?');
    this.#before = 'repetition';
  }

  /** `{n}`, `{n,}`, `{n,m}`; any other brace stands for itself. */
  #readBrace(): void {
    const bounds = /^(\d+)(?:,(\d*))?\}/.exec(this.#text.slice(this.#at));
    if (bounds === null) {
      this.#before = 'item';
      return;
    }
    const [token, least = '', most] = bounds;
    const isTooLarge = Number(least) > maxRepeat || Number(most ?? 0) > maxRepeat;
    if (isTooLarge || (most !== undefined && most !== '' && Number(most) < Number(least)))
      throw new Re2Fault(`invalid repeat count {${token}`);
    this.#at += token.length;
    this.#repeat(`{${token}`);
  }

  #readEscape(): void {
    const char = this.#next();
    if (char === '') throw new Re2Fault('trailing backslash at end of expression');
    if (plainEscapes.includes(char) || anchors.includes(char)) return;
    if (char === 'Q') return this.#skipQuoted();
    if (char === 'k') throw new Re2Fault('\\k is a backreference, which RE2 does not have');
    this.#readCodeEscape(char);
  }

  #skipQuoted(): void {
    const end = this.#text.indexOf('\\E', this.#at);
    this.#at = end < 0 ? this.#text.length : end + 2;
  }

  /** Octal, hexadecimal, Unicode classes, punctuation: what is allowed inside of classes too. */
  #readCodeEscape(char: string): void {
    const rest = this.#text.slice(this.#at);
    if (/[1-9]/.test(char)) {
      if (char > '7' || !/^[0-7]/.test(rest))
        throw new Re2Fault(`\\${char} is a backreference, which RE2 does not have`);
      this.#skip(/^[0-7]{1,2}/, 'octal');
    } else if (char === '0') this.#skip(/^[0-7]{0,2}/, 'octal');
    else if (char === 'x') this.#skip(/^(?:[\da-fA-F]{2}|\{[\da-fA-F]{1,6}\})/, 'hexadecimal');
    else if (char === 'p' || char === 'P') this.#readUnicodeClass();
    else if (/[\w]/.test(char)) throw new Re2Fault(`invalid escape sequence \\${char}`);
  }

  #readUnicodeClass(): void {
    const name = /^(?:\{\^?(?<long>\w+)\}|(?<short>[A-Z]))/.exec(this.#text.slice(this.#at));
    const known = name?.groups?.['long'] ?? name?.groups?.['short'];
    if (name === null || known === undefined || !isUnicodeClass(known))
      throw new Re2Fault('invalid character class range \\p');
    this.#at += name[0].length;
  }

  #readClass(): void {
    this.#take('^');
    let isFirst = true;
    for (;;) {
      if (this.#at >= this.#text.length) throw new Re2Fault('missing closing ]');
      if (!isFirst && this.#take(']')) return;
      isFirst = false;
      this.#readClassItem();
    }
  }

  #readClassItem(): void {
    const posix = /^\[:\^?(\w*):\]/.exec(this.#text.slice(this.#at));
    if (posix !== null) {
      if (!posixClasses.has(posix[1] ?? '')) throw new Re2Fault(`invalid character class range ${posix[0]}`);
      this.#at += posix[0].length;
      return;
    }
    const low = this.#readClassCharacter();
    const isRange = this.#text[this.#at] === '-' && ![undefined, ']'].includes(this.#text[this.#at + 1]);
    if (!isRange || low === null) return;
    this.#at++;
    const high = this.#readClassCharacter();
    if (high === null || high < low) throw new Re2Fault('invalid character class range');
  }

  /** The code of the next character in a class; `null` for an escape that stands for many. */
  #readClassCharacter(): number | null {
    const char = this.#next();
    if (char !== '\\') return char.codePointAt(0) ?? 0;
    const escaped = this.#next();
    if (escaped === '') throw new Re2Fault('trailing backslash at end of expression');
    if ('dDsSwW'.includes(escaped)) return null;
    const start = this.#at;
    if (!plainEscapes.includes(escaped)) this.#readCodeEscape(escaped);
    return codeOfEscape(escaped, this.#text.slice(start, this.#at));
  }

  #skip(shape: RegExp, kind: string): void {
    const token = shape.exec(this.#text.slice(this.#at));
    if (token === null) throw new Re2Fault(`invalid ${kind} escape sequence`);
    this.#at += token[0].length;
  }

  #next(): string {
    const code = this.#text.codePointAt(this.#at);
    if (code === undefined) return '';
    const char = String.fromCodePoint(code);
    this.#at += char.length;
    return char;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

const controlCodes: Readonly<Record<string, number>> = { a: 7, t: 9, n: 10, v: 11, f: 12, r: 13 };

function codeOfEscape(char: string, digits: string): number | null {
  if (char === 'p' || char === 'P') return null;
  if (char === 'x') return Number.parseInt(digits.replaceAll(/[{}]/g, ''), 16);
  if (/\d/.test(char)) return Number.parseInt(char + digits, 8);
  return controlCodes[char] ?? char.codePointAt(0) ?? 0;
}

function isUnicodeClass(name: string): boolean {
  return ['', 'Script='].some((prefix) => {
    try {
      return name === 'Any' || new RegExp(`\\p{${prefix}${name}}`, 'u').source !== '';
    } catch {
      return false;
    }
  });
}
