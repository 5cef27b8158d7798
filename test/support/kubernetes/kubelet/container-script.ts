/**
 * How a container is made without an image: the programs of this machine under a root file system of the container's own (an overlay whose
 * changes stay in memory), with its volumes bound at their paths, and the user and capabilities of its security context. Pure: texts and
 * arguments; `container.ts` runs them.
 */
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
 * on descriptor 3 right before.
 */
export function rootScript({ scratch, shown, opened, mounts, readOnly }: Root): string {
  const root = `${scratch}/root`;
  // Last, so that no volume hides them.
  const placed = [...mounts, ...shown.map((folder) => ({ source: folder, target: folder, readOnly: false }))];
  return [
    'set -e',
    'export LC_ALL=C',
    `mount -t tmpfs tmpfs ${quote(scratch)}`,
    `mkdir ${quote(`${scratch}/upper`)} ${quote(`${scratch}/work`)} ${quote(root)}`,
    `mount -t overlay overlay -o ${quote(`lowerdir=/,upperdir=${scratch}/upper,workdir=${scratch}/work`)} ${quote(root)}`,
    `cd ${quote(root)}`,
    'mount --rbind /dev dev',
    'mount -t proc proc proc',
    'mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys',
    'mkdir .mounts',
    ...placed.flatMap(({ source }, index) => bindHere(source, `.mounts/${index}`)),
    // Links such as /var/run are followed within the container's root, not on the machine.
    `exec chroot . bash -c ${quote(insideScript(placed, opened, readOnly))} container "$@"`,
  ].join('\n');
}

/** Volumes are on mounts of their own: bound within the new root first, under numbers, they can be bound again from inside of it. */
const bindHere = (source: string, place: string): string[] => [
  `if [[ -d ${quote(source)} ]]; then mkdir ${place}; else touch ${place}; fi`,
  `mount --rbind ${quote(source)} ${place}`,
];

function insideScript(mounts: readonly Mount[], opened: readonly string[], readOnly: boolean): string {
  return [
    'set -e',
    ...mounts.flatMap(({ target, readOnly }, index) => bindAt(`/.mounts/${index}`, quote(target), readOnly)),
    ...(opened.length === 0 ? [] : [`chmod a+rx ${opened.map(quote).join(' ')}`]),
    ...(readOnly ? ['mount -o remount,bind,ro /'] : []),
    'unset LC_ALL',
    'echo started >&3',
    'exec 3>&-',
    'exec "$@"',
  ].join('\n');
}

const bindAt = (source: string, target: string, readOnly: boolean): string[] => [
  `if [[ -d ${source} ]]; then mkdir -p ${target}; elif [[ ! -e ${target} ]]; then mkdir -p "$(dirname ${target})"; touch ${target}; fi`,
  `mount --rbind ${source} ${target}`,
  ...(readOnly ? [`mount -o remount,bind,ro ${target}`] : []),
];

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
