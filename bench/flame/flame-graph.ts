/** A flame graph as SVG: the width of a frame is how often it was on the stack, its callers lie below it. Pure. */
import type { Stacks } from './stacks.ts';

type Node = { name: string; samples: number; children: Map<string, Node> };

const width = 1200;
const rowHeight = 16;
const top = 40;
/** Narrower frames are left out. */
const leastPixels = 1;
/** Of one letter of the font. */
const letterPixels = 6.3;

/** Draws the stacks; a frame shows its full name and share where the pointer rests. */
export function flameGraph(title: string, stacks: Stacks): string {
  const root = treeOf(stacks);
  const depth = visibleDepth(root, root.samples);
  const height = top + (depth + 1) * rowHeight + 8;
  const rows: string[] = [];
  draw(root, { rows, x: 0, y: height - 8 - rowHeight, total: root.samples });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="10.5">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="8" y="22" font-size="14" font-family="sans-serif" fill="#1f2328">${escape(title)}</text>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

/** The share of samples, in percent, in whose stacks a frame is that `belongs`; each sample counts once. */
export function shareOf(stacks: Stacks, belongs: (frame: string) => boolean): number {
  let all = 0;
  let those = 0;
  for (const [stack, samples] of stacks) {
    all += samples;
    if (stack.split(';').some(belongs)) those += samples;
  }
  return all === 0 ? 0 : (100 * those) / all;
}

function treeOf(stacks: Stacks): Node {
  const root: Node = { name: 'all', samples: 0, children: new Map() };
  for (const [stack, samples] of stacks) {
    root.samples += samples;
    let node = root;
    for (const name of stack.split(';')) {
      const child = node.children.get(name) ?? { name, samples: 0, children: new Map() };
      node.children.set(name, child);
      child.samples += samples;
      node = child;
    }
  }
  return root;
}

function visibleDepth(node: Node, total: number): number {
  let depth = 0;
  for (const child of node.children.values())
    if ((child.samples / total) * width >= leastPixels) depth = Math.max(depth, 1 + visibleDepth(child, total));
  return depth;
}

type Canvas = Readonly<{ rows: string[]; x: number; y: number; total: number }>;

function draw({ name, samples, children }: Node, { rows, x, y, total }: Canvas): void {
  const pixels = (samples / total) * width;
  if (pixels < leastPixels) return;
  const letters = Math.floor((pixels - 4) / letterPixels);
  const label = letters < 3 ? '' : name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
  const share = ((100 * samples) / total).toFixed(1);
  rows.push(
    `<g><title>${escape(name)}: ${share} %</title>` +
      `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(pixels - 0.3, 0.3).toFixed(1)}" height="${rowHeight - 1}" fill="${colourOf(name)}"/>` +
      (label === '' ? '' : `<text x="${(x + 2).toFixed(1)}" y="${y + 11}" fill="#1f2328">${escape(label)}</text>`) +
      '</g>',
  );
  let left = x;
  for (const child of [...children.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    draw(child, { rows, x: left, y: y - rowHeight, total });
    left += (child.samples / total) * width;
  }
}

/** Our code green, Node's JavaScript yellow, V8's built-ins and C++ orange, the kernel blue. */
function colourOf(name: string): string {
  if (name.startsWith('[kernel]')) return '#9ec5fe';
  if (/ (?:sidecar|shared)\//.test(name)) return '#8fd19e';
  if (name.includes(' node:')) return '#ffe08a';
  return name === 'all' ? '#dee2e6' : '#f7b98b';
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
