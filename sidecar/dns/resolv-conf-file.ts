import { readFileSync, statSync } from 'node:fs';
import type { Clock } from '#shared/runtime/clock.ts';
import { emptyResolvConf, parseResolvConf, type ResolvConf } from './resolv-conf.ts';

/** How often it is looked at at most. */
const everyMs = 1000;

/**
 * A resolv.conf file, read again when it has changed; as in the system's resolver that is found out when somebody asks. While it cannot
 * be read, what was in it holds.
 */
export class ResolvConfFile {
  readonly #path: string;
  readonly #clock: Clock;
  #lookedAtMs = -Infinity;
  #seen = '';
  #conf: ResolvConf = emptyResolvConf;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** What it says; the same object while it says the same. */
  current(): ResolvConf {
    const now = this.#clock.monotonic();
    if (now - this.#lookedAtMs < everyMs) return this.#conf;
    this.#lookedAtMs = now;
    try {
      // Small, and in memory as a rule: to wait for it would cost more than to read it.
      const { mtimeMs, ino, size } = statSync(this.#path);
      const seen = `${mtimeMs} ${ino} ${size}`;
      if (seen !== this.#seen) this.#conf = parseResolvConf(readFileSync(this.#path, 'utf8'));
      this.#seen = seen;
    } catch {
      this.#seen = '';
    }
    return this.#conf;
  }
}
