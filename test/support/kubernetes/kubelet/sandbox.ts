/** What the containers of a pod share: a network namespace with the pod's addresses, and its host name. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { linkLines, nodeLines, podLines, type PodNetwork } from './network.ts';

/** Whether the kernel has IPv6. */
export const hasIpv6 = existsSync('/proc/sys/net/ipv6');

/** The process that holds a pod's namespaces. They are gone when it is; it dies with the kubelet. */
export class Sandbox {
  readonly network: PodNetwork;
  readonly #pause: ChildProcess;

  private constructor(network: PodNetwork, pause: ChildProcess) {
    this.network = network;
    this.#pause = pause;
  }

  static async create(network: PodNetwork, hostname: string): Promise<Sandbox> {
    const script =
      'hostname "$0"; echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start; echo ready; exec sleep infinity';
    const command = [
      '--pdeathsig',
      'KILL',
      'unshare',
      '--net',
      '--uts',
      '--',
      'sh',
      '-c',
      script,
      hostname.slice(0, 63),
    ];
    const pause = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'ignore'] });
    const sandbox = new Sandbox(network, pause);
    await once(pause.stdout, 'data');
    await ipBatch(linkLines(network, sandbox.pid, hasIpv6));
    await ipBatch(podLines(network, hasIpv6), sandbox.pid);
    return sandbox;
  }

  get pid(): number {
    return this.#pause.pid ?? 0;
  }

  async close(): Promise<void> {
    if (this.#pause.exitCode !== null || this.#pause.signalCode !== null) return;
    const ended = once(this.#pause, 'exit');
    this.#pause.kill('SIGKILL');
    await ended;
  }
}

/** Sets up the namespace that this process is in as the node's. */
export async function setUpNode(writeSetting: (name: string, value: string) => void): Promise<void> {
  await ipBatch(nodeLines(hasIpv6));
  writeSetting('ipv4/ip_forward', '1');
  writeSetting('ipv4/conf/all/rp_filter', '0');
  writeSetting('ipv4/conf/default/rp_filter', '0');
  if (!hasIpv6) return;
  writeSetting('ipv6/conf/all/forwarding', '1');
  writeSetting('ipv6/conf/default/accept_dad', '0');
}

/** Runs lines of `ip`, in the network namespace of a process or in our own. Throws with what `ip` said. */
async function ipBatch(lines: readonly string[], pid?: number): Promise<void> {
  const ip = ['ip', '-batch', '-'];
  const [command = '', ...args] = pid === undefined ? ip : ['nsenter', `--net=/proc/${pid}/ns/net`, ...ip];
  await pipe(command, args, `${lines.join('\n')}\n`);
}

/** Runs a command with this input. Throws with what it said when it fails. */
export async function pipe(command: string, args: readonly string[], input: string): Promise<void> {
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${said}`);
}
