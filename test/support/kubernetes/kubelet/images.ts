/** Images as commands of this machine: what would be in an image is a command, variables and a user here. */

export type Image = Readonly<{
  entrypoint: readonly string[];
  command?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Where its command is run, unless the container says otherwise. */
  folder?: string;
}>;

/** One line of the table: images whose name matches (registry, tag and digest taken away) are this. */
export type ImageRule = Readonly<{ match: RegExp; image: (parts: readonly string[]) => Image }>;

/** An image that is not in the table, for a container without a command of its own. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}

/** `registry.example:5000/some/name:1.2@sha256:…` is `some/name` with the tag `1.2`. */
export function parseImage(reference: string): Readonly<{ name: string; tag: string }> {
  const [plain = ''] = reference.split('@');
  const parts = plain.split('/');
  const first = parts[0] ?? '';
  const path = parts.length > 1 && (/[.:]/.test(first) || first === 'localhost') ? parts.slice(1) : parts;
  const [name = '', tag = 'latest'] = path.join('/').split(':');
  return { name, tag };
}

/** What a container of this image runs. With a command of its own it needs no image: the machine's programs are there. */
export function commandOf(
  rules: readonly ImageRule[],
  { image = '', command, args }: Readonly<{ image?: string; command?: readonly string[]; args?: readonly string[] }>,
): Readonly<{ command: readonly string[]; env: Readonly<Record<string, string>>; folder: string }> {
  const { name } = parseImage(image);
  const found = rules.flatMap(({ match, image }) => {
    const parts = match.exec(name);
    return parts === null ? [] : [image(parts)];
  })[0];
  if (found === undefined && command === undefined)
    throw new ImageError(`no image ${image}, and the container names no command`);
  const entrypoint = command ?? found?.entrypoint ?? [];
  const rest = args ?? (command === undefined ? (found?.command ?? []) : []);
  return { command: [...entrypoint, ...rest], env: found?.env ?? {}, folder: found?.folder ?? '/' };
}
