import type { EventMeta } from '../eventstore/event-store.ts';
import { fingerprintOf } from '../eventstore/fingerprint.ts';
import { uuidv5 } from '../eventstore/uuid.ts';
import type { CallContext } from './call-context.ts';
import { ProblemError } from './problem.ts';

const keyShape = /^[\x21-\x7e]{1,255}$/;

/** The Idempotency-Key of a request. A quoted one (the IETF draft's structured string) is the same as a bare one. */
export function requireKey(header: string | readonly string[] | undefined): string {
  const given = typeof header === 'string' ? header : header?.[0];
  const key = given?.replace(/^"(.*)"$/, '$1');
  if (key === undefined || key === '') {
    throw new ProblemError('key_missing', 'send an Idempotency-Key: the same for every try of this request');
  }
  if (!keyShape.test(key))
    throw new ProblemError('invalid_request', 'Idempotency-Key: 1 to 255 visible ASCII characters');
  return key;
}

/** What one request is, for idempotency. `scope`: within what its key is unique (a stream, or a customer). */
export type RequestIdentity = Readonly<{ scope: string; key: string; operation: string; payload: unknown }>;

/** Makes the metadata of commands: the same request always gets the same command id and fingerprint. */
export class MetaSource {
  readonly #service: string;
  readonly #now: () => Date;

  constructor(service: string, now: () => Date = () => new Date()) {
    this.#service = service;
    this.#now = now;
  }

  /** The metadata of a request's command. */
  of(identity: RequestIdentity, call: CallContext): EventMeta {
    const { scope, key, operation, payload } = identity;
    return {
      commandId: uuidv5(`${scope}\n${key}`),
      fingerprint: fingerprintOf(operation, payload),
      occurredAt: this.#now().toISOString(),
      actor: call.actor,
      requestId: call.requestId,
      traceparent: call.traceparent,
      service: this.#service,
    };
  }
}
