/**
 * How a container is made without an image: the programs of this machine under a root file system of the container's own (an overlay whose
 * changes stay in memory), with its volumes bound at their paths, and the user and capabilities of its security context. Pure: texts and
 * arguments; `container.ts` runs them.
 */
import { dirname } from 'node:path';
import type { Container, Pod } from './objects.ts';

type SecurityContext = NonNullable<Container['securityContext']>;
type PodSecurityContext = NonNullable<NonNullable<Pod['spec']>['securityContext']>;

export type Mount = Readonly<{ source: string; target: string; readOnly: boolean }>;

export type Root = Readonly<{
  /** A folder that is there and empty; what is mounted upon it is seen by the container alone. */
  scratch: string;
  /** Folders that the container sees as they are (this repository, Node): real paths, without links. */
  shown: readonly string[];
  /** Folders that everybody may enter in the container. */
  opened: readonly string[];
  mounts: readonly Mount[];
  readOnly: boolean;
}>;

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/**
 * A bash script that is run as first process of new mount and pid namespaces; ends in the program that is given as its arguments. Says so
 * on descriptor 3 right before. Mounts are tables for `mount --all`, since a process for each would take longer than all else.
 */
export function rootScript({ scratch, shown, opened, mounts, readOnly }: Root): string {
  const root = `${scratch}/root`;
  // Last, so that no volume hides them.
  const placed = [...mounts, ...shown.map((folder) => ({ source: folder, target: folder, readOnly: false }))];
  const overlay = `lowerdir=/,upperdir=${escape(scratch)}/upper,workdir=${escape(scratch)}/work`;
  return [
    'set -e',
    'export LC_ALL=C',
    `mount -t tmpfs tmpfs ${quote(scratch)}`,
    `cd ${quote(scratch)}`,
    'mkdir upper work root',
    ...mountAll('table', [
      `overlay ${escape(root)} overlay ${overlay} 0 0`,
      tableLine('/dev', `${root}/dev`, 'rbind'),
      `proc ${escape(root)}/proc proc defaults 0 0`,
      tableLine(`${root}/proc/sys`, `${root}/proc/sys`, 'bind,ro'),
    ]),
    // Volumes are on mounts of their own: bound within the new root first, under numbers, they can be bound again from inside of it.
    'mkdir root/.mounts',
    ...placed.map(({ source }, index) => `[[ -d ${quote(source)} ]] || : > root/.mounts/${index}`),
    ...mountAll(
      'table',
      placed.map(({ source }, index) => tableLine(source, `${root}/.mounts/${index}`, 'rbind')),
    ),
    'cd root',
    // Links such as /var/run are followed within the container's root, not on the machine.
    `exec chroot . bash -c ${quote(insideScript(placed, opened, readOnly))} container "$@"`,
  ].join('\n');
}

function insideScript(mounts: readonly Mount[], opened: readonly string[], readOnly: boolean): string {
  return [
    'set -e',
    ...mounts.map(({ target }, index) => fileFor(`/.mounts/${index}`, target)),
    ...mountAll(
      '/.mounts/table',
      mounts.map(({ target, readOnly }, index) =>
        tableLine(`/.mounts/${index}`, target, readOnly ? 'rbind,ro' : 'rbind'),
      ),
    ),
    ...(opened.length === 0 ? [] : [`chmod a+rx ${opened.map(quote).join(' ')}`]),
    ...(readOnly ? ['mount -o remount,bind,ro /'] : []),
    'unset LC_ALL',
    'echo started >&3',
    'exec 3>&-',
    'exec "$@"',
  ].join('\n');
}

/** Where a file is to be bound there must be one; folders are made by the mount. */
const fileFor = (source: string, target: string): string =>
  `[[ -d ${source} || -e ${quote(target)} ]] || { mkdir -p ${quote(dirname(target))}; : > ${quote(target)}; }`;

/** Mounts what these lines of fstab(5) say, in their order. */
const mountAll = (file: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`cat > ${file} <<'end of table'`, ...lines, 'end of table', `mount --all --fstab ${file}`];

const tableLine = (source: string, target: string, options: string): string =>
  `${escape(source)} ${escape(target)} none ${options},X-mount.mkdir 0 0`;

/** A field of fstab(5): blanks and backslashes by their octal numbers. */
const escape = (text: string): string =>
  text.replaceAll(/[\s\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);

/** What a container may do that names no capabilities: the usual set of container runtimes. */
const usual = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'setpcap',
  'net_bind_service',
  'net_raw',
  'sys_chroot',
  'mknod',
  'audit_write',
  'setfcap',
];

/** Arguments of `setpriv` for a container's security context, over its pod's. */
export function userArguments(container: Container, pod: PodSecurityContext | undefined): string[] {
  const own: SecurityContext = container.securityContext ?? {};
  const user = own.runAsUser ?? pod?.runAsUser ?? 0;
  const group = own.runAsGroup ?? pod?.runAsGroup ?? (user === 0 ? 0 : user);
  if ((own.runAsNonRoot ?? pod?.runAsNonRoot) === true && user === 0)
    throw new Error('runAsNonRoot, but no user is set');
  const groups = [...(pod?.supplementalGroups ?? []), ...(pod?.fsGroup === undefined ? [] : [pod.fsGroup])];
  return [
    `--reuid=${user}`,
    `--regid=${group}`,
    groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`,
    ...(own.privileged === true
      ? []
      : [`--bounding-set=${boundingSet(own.capabilities)}`, '--inh-caps=-all', '--ambient-caps=-all']),
    ...(own.allowPrivilegeEscalation === false ? ['--no-new-privs'] : []),
  ];
}

function boundingSet({ add = [], drop = [] }: NonNullable<SecurityContext['capabilities']> = {}): string {
  const plain = (names: readonly string[]) => names.map((name) => name.toLowerCase().replace(/^cap_/, ''));
  const dropped = plain(drop);
  const left = dropped.includes('all') ? [] : usual.filter((name) => !dropped.includes(name));
  const added = plain(add);
  if (added.includes('all')) return '+all';
  return ['-all', ...[...new Set([...left, ...added])].map((name) => `+${name}`)].join(',');
}
