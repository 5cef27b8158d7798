/** `meshctl up` as a user runs it: a process of its own, what it prints, the processes that it started, its meters. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';

const main = join(import.meta.dirname, '../../meshctl/main.ts');
/** Nothing of the machine's own npm or proxies. */
const environment = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };

/** Requests that reached payments, by version, as its sidecars counted them. */
export type Split = Readonly<{ v1: number; v2: number }>;

export class UpProcess {
  readonly #child: ChildProcess;
  readonly data: string;
  #text = '';

  constructor(data: string, ...flags: string[]) {
    this.data = data;
    this.#child = spawn(process.execPath, [main, 'up', '--data', data, ...flags], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#text += text));
  }

  /** Everything that it printed. */
  get text(): string {
    return this.#text;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits until it has printed this. */
  async printed(pattern: RegExp, deadlineMs = 60_000): Promise<RegExpExecArray> {
    return eventually(
      () => {
        const match = pattern.exec(this.#text);
        assert.ok(match !== null, `${pattern} is not in:\n${this.#text}`);
        return match;
      },
      deadlineMs,
      50,
    );
  }

  /** Sends a signal; gives the exit code once it ended. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
    return this.#child.exitCode;
  }

  /** The processes that it started and that still run: process id by command line. */
  children(): ReadonlyMap<string, number> {
    const { stdout } = spawnSync('ps', ['-Ao', 'pid=,ppid=,args='], { encoding: 'utf8' });
    const found = [...stdout.matchAll(/^\s*(\d+)\s+(\d+)\s+(.*)$/gm)].filter(
      ([, , parent, args = '']) => Number(parent) === this.pid && args.includes('follow-parent'),
    );
    return new Map(found.map(([, pid, , args = '']) => [`${args} #${pid}`, Number(pid)]));
  }

  /** The process id of the child whose command line holds this. */
  childPid(part: string): number {
    const found = [...this.children()].find(([args]) => args.includes(part));
    assert.ok(found !== undefined, `no child runs ${part}`);
    return found[1];
  }

  /** The address of a sidecar's admin port, as the table says it. */
  adminOf(instance: string): string {
    const match = new RegExp(`^ +${instance} .*(http://\\S+)`, 'm').exec(this.#text);
    assert.ok(match?.[1] !== undefined, `${instance} is not in the table`);
    return match[1];
  }

  /** The value of a sidecar's requests that have these labels. */
  async countRequests(instance: string, ...labels: string[]): Promise<number> {
    const text = await (await fetch(`${this.adminOf(instance)}/stats/prometheus`)).text();
    return text
      .split('\n')
      .filter((line) => line.startsWith('istio_requests_total{') && labels.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** The newest lines of an instance's access log that tell of a failed request, for the message of a test. */
  failedRequests(instance: string): string {
    const lines = readFileSync(join(this.data, 'logs', `${instance}-sidecar.log`), 'utf8').split('\n');
    return lines
      .filter((line) => / HTTP\/1\.1" (?:5\d\d|0) /.test(line))
      .slice(-5)
      .join('\n');
  }

  async split(): Promise<Split> {
    const [v1, v2] = await Promise.all(
      ['payments-v1', 'payments-v2'].map((name) => this.countRequests(name, 'reporter="destination"')),
    );
    return { v1: v1 ?? 0, v2: v2 ?? 0 };
  }

  /** `meshctl` against this mesh. */
  meshctl(...args: string[]): Readonly<{ status: number | null; stdout: string; stderr: string }> {
    return spawnSync(process.execPath, [main, '--data-dir', this.data, ...args], {
      env: environment,
      encoding: 'utf8',
    });
  }
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
