/**
 * Header values that are added or set may hold variables of the proxy: `%HOSTNAME%`, `%REQ(X-Name)%`,
 * `%DYNAMIC_METADATA(["a", "b"])%`. A percent sign of its own is written `%%`.
 */

type State = 'text' | 'variable' | 'arguments' | 'list' | 'string' | 'listEnd' | 'argumentsEnd' | 'variableEnd';

const forbidden = /[\0-\x08\x0A-\x1F\x7F]/;

/** What is wrong with a header value; `null` when nothing is. */
export function faultOfHeaderValue(value: string): string | null {
  if (forbidden.test(value)) return 'it has control characters';
  let state: State = 'text';
  for (let at = 0; at < value.length; at++) {
    const char = value.charAt(at);
    const skipsNext =
      (state === 'text' && char === '%' && value[at + 1] === '%') || (state === 'string' && char === '\\');
    if (skipsNext) {
      if (++at >= value.length) return 'a backslash ends it';
      continue;
    }
    const next = step(state, char);
    if (next === null) return `${JSON.stringify(char)} at ${at} is not expected there`;
    state = next;
  }
  return state === 'text' ? null : 'a variable expression is not terminated (a single % is written %%)';
}

/** The state after a character; `null` when the character may not stand there. */
function step(state: State, char: string): State | null {
  const stay = char === ' ' ? state : null;
  switch (state) {
    case 'text':
      return char === '%' ? 'variable' : 'text';
    case 'variable':
      return char === '%' ? 'text' : char === '(' ? 'arguments' : 'variable';
    case 'arguments':
      return stay ?? (char === '[' ? 'list' : 'string');
    case 'list':
      return char === '"' ? 'string' : stay;
    case 'string':
      return char === ')' ? 'variableEnd' : char === '"' ? 'listEnd' : 'string';
    case 'listEnd':
      return char === ',' ? 'list' : char === ']' ? 'argumentsEnd' : stay;
    case 'argumentsEnd':
      return char === ')' ? 'variableEnd' : stay;
    case 'variableEnd':
      return char === '%' ? 'text' : stay;
  }
}
