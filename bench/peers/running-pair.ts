/** A pair of proxies that runs in front of a backend, or the backend alone. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { probeTls } from '../loads/probe.ts';
import type { ServerProcess as Server } from '../processes/server-process.ts';
import { ServerProcess } from '../processes/server-process.ts';
import { hopCommand, type PeerOptions } from './commands.ts';
import { accessLogPath, hops, type PairScope } from './pair.ts';
import type { Target } from './peers.ts';

/** Started by `start`, ended by `stop`. */
export class RunningPair {
  /** `in`, then `out`; none without a proxy. */
  readonly servers: readonly Server[];
  readonly backend: Server;
  readonly scope: PairScope;

  private constructor(servers: readonly Server[], backend: Server, scope: PairScope) {
    this.servers = servers;
    this.backend = backend;
    this.scope = scope;
  }

  /** Starts `in` first, so that `out` finds it. */
  static async start(
    { peer, name }: Target,
    scope: PairScope,
    { backend, options }: Readonly<{ backend: Server; options: PeerOptions }>,
  ): Promise<RunningPair> {
    const servers: Server[] = [];
    const pair = new RunningPair(servers, backend, scope);
    if (peer === 'direct') return pair;
    try {
      for (const hop of hops) {
        const log = join(scope.folder, `${name}-${hop}.log`);
        servers.push(await ServerProcess.start(hopCommand(peer, hop, scope, options), log));
      }
      await probeTls(scope.inPort, scope.certificates, scope.wire);
      return pair;
    } catch (error) {
      await pair.stop();
      throw error;
    }
  }

  /** Where the load goes. */
  get port(): number {
    return this.servers.length === 0 ? this.scope.backendPort : this.scope.outPort;
  }

  async stop(): Promise<void> {
    for (const server of this.servers.toReversed()) await server.stop();
    for (const hop of hops) rmSync(accessLogPath(this.scope.folder, hop), { force: true });
  }
}
