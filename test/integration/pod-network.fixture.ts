/**
 * Pods as network namespaces: each has an address of its own on a bridge in a namespace of theirs, and rules that lead its TCP connections
 * to ports 15001 and 15006, as an init container would write them. Nothing of the host's network is changed. Needs root, `ip`, `iptables`
 * and `setpriv`.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';

const has = (command: string) => spawnSync(command, ['--version']).error === undefined;

/** Why there are no such networks here; false: there are. */
export const missingForPods: string | false =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux'
    : (['ip', 'iptables', 'setpriv'].filter((command) => !has(command)).map((command) => `needs ${command}`)[0] ??
      false);

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: 'pipe' }).toString();

/** The rules of SEMANTICS 2.17, without ports and ranges to leave out but our own. */
const rules = `*nat
:ISTIO_INBOUND - [0:0]
:ISTIO_REDIRECT - [0:0]
:ISTIO_IN_REDIRECT - [0:0]
:ISTIO_OUTPUT - [0:0]
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A ISTIO_INBOUND -p tcp -m multiport --dports 15020,15021,15090 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A OUTPUT -p tcp -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN
-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
COMMIT
`;

/** As the proxy's user, for which rules let connections through. */
export const asProxy: readonly string[] = ['setpriv', '--reuid=1337', '--regid=1337', '--clear-groups'];

/** A network of pods; `close` removes it, and ends what was started in it. */
export class PodNetwork implements Disposable {
  readonly #prefix = `tulle-pod-${process.pid}`;
  readonly #namespaces: string[] = [];
  readonly #children: ChildProcess[] = [];

  constructor() {
    this.#add('hub');
    this.inside('hub', 'ip', 'link', 'add', 'br0', 'type', 'bridge');
    this.inside('hub', 'ip', 'addr', 'add', '10.99.1.1/24', 'dev', 'br0');
    this.inside('hub', 'ip', 'link', 'set', 'br0', 'up');
  }

  /** What stands before a command that is to run in one of the namespaces. */
  in(name: string): readonly string[] {
    return ['ip', 'netns', 'exec', `${this.#prefix}-${name}`];
  }

  /** Runs a command there to its end; what it printed. */
  inside(name: string, ...command: readonly string[]): string {
    const [program = '', ...args] = [...this.in(name), ...command];
    return run(program, ...args);
  }

  /** A namespace with an address (10.99.1.N). */
  add(name: string, address: string): void {
    this.#add(name);
    const [own, far] = [`${this.#prefix}-${name}`, `${this.#prefix}-hub`];
    this.inside('hub', 'ip', 'link', 'add', `v-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', own);
    run('ip', '-n', far, 'link', 'set', `v-${name}`, 'master', 'br0', 'up');
    this.inside(name, 'ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
    this.inside(name, 'ip', 'link', 'set', 'eth0', 'up');
    this.inside(name, 'ip', 'route', 'add', 'default', 'via', '10.99.1.1');
  }

  /** From now on connections of this namespace are led to a sidecar in it. */
  capture(name: string): void {
    const [program, ...args] = [...this.in(name), 'iptables-restore'] as const;
    execFileSync(program, args, { input: rules, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  /** Starts a program there; it is ended with the network. */
  start(name: string, command: readonly string[]): ChildProcess {
    const [program = '', ...args] = [...this.in(name), ...command];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#children.push(child);
    return child;
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const namespace of this.#namespaces) run('ip', 'netns', 'delete', namespace);
  }

  #add(name: string): void {
    const namespace = `${this.#prefix}-${name}`;
    run('ip', 'netns', 'add', namespace);
    this.#namespaces.push(namespace);
    this.inside(name, 'ip', 'link', 'set', 'lo', 'up');
  }
}
