/** One file of an archive. */
export type ArchiveFile = Readonly<{ path: string; content: string }>;

const blockSize = 512;
const longestName = 100;
const longestPrefix = 155;

/** Files as a tar archive (POSIX ustar): all of one time, readable by their owner alone. Throws on a path that has no room in it. */
export function tarOf(files: readonly ArchiveFile[], modifiedMs: number): Buffer {
  const parts = files.flatMap(({ path, content }) => {
    const bytes = Buffer.from(content, 'utf8');
    const padding = Buffer.alloc((blockSize - (bytes.length % blockSize)) % blockSize);
    return [headerOf(path, bytes.length, modifiedMs), bytes, padding];
  });
  // Two empty blocks are the end.
  return Buffer.concat([...parts, Buffer.alloc(2 * blockSize)]);
}

function headerOf(path: string, size: number, modifiedMs: number): Buffer {
  const { name, prefix } = splitPath(path);
  const header = Buffer.alloc(blockSize);
  header.write(name, 0);
  header.write(octal(0o600, 7), 100);
  header.write(octal(0, 7), 108);
  header.write(octal(0, 7), 116);
  header.write(octal(size, 11), 124);
  header.write(octal(Math.floor(modifiedMs / 1000), 11), 136);
  // The checksum counts its own field as blanks.
  header.write(' '.repeat(8), 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  header.write(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\u0000 `, 148);
  return header;
}

const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');

/** A long path is cut at one of its slashes. */
function splitPath(path: string): Readonly<{ name: string; prefix: string }> {
  const size = (text: string) => Buffer.byteLength(text);
  if (size(path) <= longestName) return { name: path, prefix: '' };
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)];
    if (size(prefix) <= longestPrefix && size(name) <= longestName) return { name, prefix };
  }
  throw new RangeError(`${path} is too long for an archive`);
}
