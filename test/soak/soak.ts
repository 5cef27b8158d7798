/**
 * A mesh of real processes that works for a while: unary and streaming gRPC and HTTP/1.1 through two sidecars, while certificates are
 * renewed, the configuration is edited and connections are recycled. Nothing may fail, and no process may grow.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { residentMbOf } from '../../bench/processes/proc.ts';
import { TestMesh, type RunningSidecar } from '../support/mesh.ts';
import { sidecarCommand } from '../support/sidecar-command.ts';
import { eventually } from '../support/eventually.ts';
import { editedFile, fixedFile } from './configuration.ts';
import { startGrpcApp } from './grpc-app.ts';
import { GrpcCalls, httpCall, Loads, type Tally } from './loads.ts';
import type { Sample } from './trend.ts';
import { freePort } from '../support/free-port.ts';

export type SoakOptions = Readonly<{
  seconds: number;
  /** A certificate lives twice as long: it is renewed at half of its life. At least 15. */
  rotationSeconds: number;
  pushSeconds: number;
  /** Told of progress, a line at a time. */
  tell: (line: string) => void;
  signal: AbortSignal;
}>;

export type SoakResult = Readonly<{
  tallies: readonly Tally[];
  /** Resident memory by process. */
  memory: ReadonlyMap<string, readonly Sample[]>;
  /** Certificates that each sidecar had after its first. */
  rotations: ReadonlyMap<string, number>;
  /** Edits that were made, and those of them whose route answered a request before the next. */
  pushes: Readonly<{ made: number; seen: number }>;
  /** Connections that the client's sidecar opened. */
  connections: number;
  /** Lines of a log that should not be there: errors, and words of a crash. */
  complaints: readonly string[];
}>;

const parts = ['control-plane', 'client', 'server'];

/** Runs it; rejects only when the mesh does not start. */
export async function soak(options: SoakOptions): Promise<SoakResult> {
  const grpcPort = await freePort();
  const mesh = await TestMesh.start(
    { 'fixed.yaml': fixedFile(grpcPort), 'edited.yaml': editedFile(0) },
    sidecarCommand().nodeFlags,
  );
  const app = await startGrpcApp();
  const grpc = new GrpcCalls(grpcPort);
  try {
    const sidecars = await startSidecars(mesh, app.port, options);
    await eventually(() => grpc.unary(), 20_000);
    await eventually(() => httpCall(mesh, sidecars.client, () => undefined)(), 20_000);
    const run = new SoakRun(mesh, sidecars, options);
    return await run.run(grpc);
  } finally {
    grpc.close();
    app.stop();
    await mesh.close();
  }
}

type Sidecars = Readonly<{ client: RunningSidecar; server: RunningSidecar }>;

async function startSidecars(mesh: TestMesh, grpcApp: number, { rotationSeconds }: SoakOptions): Promise<Sidecars> {
  const httpApp = await mesh.startApp((request, response) => request.pipe(response));
  const life = ['--certificate-ttl-seconds', String(2 * rotationSeconds), '--log-level', 'warn'];
  const inbound = [`http=${httpApp}:${await freePort()}`, `grpc=${grpcApp}:${await freePort()}`];
  const flags = [...inbound.flatMap((each) => ['--inbound', each]), ...life];
  const server = await mesh.startSidecar({ name: 'server', account: 'app', labels: { app: 'app' }, flags });
  const client = await mesh.startSidecar({ name: 'client', account: 'client', labels: { app: 'client' }, flags: life });
  return { client, server };
}

class SoakRun {
  readonly #mesh: TestMesh;
  readonly #sidecars: Sidecars;
  readonly #options: SoakOptions;
  readonly #loads = new Loads();
  readonly #memory = new Map<string, Sample[]>(parts.map((part) => [part, []]));
  readonly #serials = new Map<string, Set<string>>([
    ['client', new Set()],
    ['server', new Set()],
  ]);
  readonly #pushes = { made: 0, seen: 0 };
  #version = 0;

  constructor(mesh: TestMesh, sidecars: Sidecars, options: SoakOptions) {
    this.#mesh = mesh;
    this.#sidecars = sidecars;
    this.#options = options;
  }

  async run(grpc: GrpcCalls): Promise<SoakResult> {
    const { client } = this.#sidecars;
    const http = () => httpCall(this.#mesh, client, (version) => (this.#version = Math.max(this.#version, version)));
    this.#loads.start('HTTP/1.1', 4, http());
    this.#loads.start('gRPC unary', 8, grpc.unary);
    this.#loads.start('gRPC download', 2, grpc.download);
    this.#loads.start('gRPC short streams', 4, this.#shortStream(grpc));
    this.#loads.start(
      'gRPC long streams',
      4,
      grpc.echo(() => !this.#loads.isStopping),
    );
    await this.#watch();
    await this.#loads.stop();
    return {
      tallies: this.#loads.tallies,
      memory: this.#memory,
      rotations: new Map([...this.#serials].map(([name, serials]) => [name, serials.size - 1])),
      pushes: this.#pushes,
      connections: await this.#connections(),
      complaints: await this.#complaints(),
    };
  }

  /** Twenty messages. */
  #shortStream(grpc: GrpcCalls) {
    return () => {
      let left = 20;
      return grpc.echo(() => --left > 0)();
    };
  }

  /** Once a second until the time is over. */
  async #watch(): Promise<void> {
    const { seconds, pushSeconds, tell, signal } = this.#options;
    for (let second = 0; second < seconds && !signal.aborted; second++) {
      if (second % pushSeconds === 0) await this.#push();
      await this.#lookAt(second);
      if (second % 30 === 29) tell(this.#progress(second + 1));
      await pause(1000, undefined, { signal }).catch(() => undefined);
    }
    if (this.#version === this.#pushes.made) this.#pushes.seen++;
  }

  async #push(): Promise<void> {
    if (this.#pushes.made > 0 && this.#version === this.#pushes.made) this.#pushes.seen++;
    await this.#mesh.write('edited.yaml', editedFile(++this.#pushes.made));
  }

  async #lookAt(second: number): Promise<void> {
    for (const part of parts)
      this.#memory.get(part)?.push({ seconds: second, megabytes: residentMbOf([this.#mesh.pidOf(part)]) });
    for (const sidecar of [this.#sidecars.client, this.#sidecars.server]) {
      const serial = /"serial_number":\s*"(\w+)"/.exec(await read(sidecar, '/certs'))?.[1];
      if (serial !== undefined) this.#serials.get(sidecar.name)?.add(serial);
    }
  }

  #progress(second: number): string {
    const calls = this.#loads.tallies.reduce((sum, tally) => sum + tally.calls, 0);
    const failures = this.#loads.tallies.flatMap(({ failures }) => [...failures.values()]);
    const failed = failures.reduce((sum, count) => sum + count, 0);
    const memory = [...this.#memory].map(([part, samples]) => `${part} ${(samples.at(-1)?.megabytes ?? 0).toFixed(1)}`);
    const rotations = [...this.#serials.values()].map((serials) => serials.size - 1).join('+');
    return `${second} s: ${calls} calls, ${failed} failed; MB: ${memory.join(', ')}; ${rotations} rotations; ${this.#pushes.seen} of ${this.#pushes.made} pushes seen`;
  }

  async #connections(): Promise<number> {
    const stats = await read(this.#sidecars.client, '/stats?filter=cluster.outbound.*upstream_cx_total');
    return [...stats.matchAll(/upstream_cx_total: (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Errors; and if a call failed, the last of what each part said, whatever it is. */
  async #complaints(): Promise<string[]> {
    const hasFailed = this.#loads.tallies.some(({ failures }) => failures.size > 0);
    const logs = await Promise.all(parts.map(async (part) => ({ part, text: await this.#mesh.log(part) })));
    return logs.flatMap(({ part, text }) => {
      const lines = text.split('\n').filter((line) => line !== '');
      const bad = lines.filter((line) =>
        /"level":(?:50|60|"error"|"fatal")|Uncaught|unhandled|MaxListeners/i.test(line),
      );
      return (hasFailed && bad.length === 0 ? lines.slice(-10) : bad).map((line) => `${part}: ${line.slice(0, 500)}`);
    });
  }
}

async function read({ adminPort }: RunningSidecar, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${adminPort}${path}`)).text();
}
