/** From what `perf script` prints to call stacks and how often each was seen. Pure. */

/** A call stack, outermost frame first, joined by semicolons, by its samples. */
export type Stacks = ReadonlyMap<string, number>;

const sampleHead = /^\S.*:\s*(?:\d+\s+)?\S+:\s*$/;
const frameLine = /^\s+[0-9a-f]+ (.+?)(?: \((.*)\))?$/;

/** Reads samples: a line that begins at the margin, then the frames from the innermost on, then an empty line. */
export function parseStacks(script: string): Stacks {
  const stacks = new Map<string, number>();
  let frames: string[] | null = null;
  for (const line of `${script}\n`.split('\n')) {
    if (line.trim() === '') {
      if (frames !== null && frames.length > 0) count(stacks, frames);
      frames = null;
    } else if (sampleHead.test(line)) frames = [];
    else {
      const [, symbol = '', module = ''] = frameLine.exec(line) ?? [];
      if (symbol !== '') frames?.push(frameName(symbol, module));
    }
  }
  return stacks;
}

function count(stacks: Map<string, number>, frames: readonly string[]): void {
  const merged = frames.toReversed().filter((frame, at, all) => frame !== all[at - 1]);
  const key = merged.join(';');
  stacks.set(key, (stacks.get(key) ?? 0) + 1);
}

/** `onData sidecar/net/pipe.ts` for our functions, `[kernel] tcp_sendmsg`, else the bare name of the symbol. */
export function frameName(symbol: string, module: string): string {
  const bare = symbol.replace(/\+0x[0-9a-f]+$/, '').replaceAll(';', ':');
  const js = /^JS:[*'^+~]*(\S*) (?:file:\/\/)?(\S+?):\d+:\d+$/.exec(bare);
  if (js !== null) return `${js[1] === '' ? '(anonymous)' : (js[1] ?? '')} ${shortPath(js[2] ?? '')}`;
  if (module.startsWith('[kernel') || module === '[guest.kernel.kallsyms]') return `[kernel] ${bare}`;
  if (bare === '[unknown]') return `[${shortPath(module)}]`;
  return bare.replace(/\(.*$/, '').replace(/^Builtins_/, 'builtin ');
}

function shortPath(path: string): string {
  const own = /(?:^|\/)((?:sidecar|shared)\/.*)$/.exec(path)?.[1];
  if (own !== undefined) return own;
  return path.startsWith('node:') ? path : (path.split('/').at(-1) ?? path);
}
