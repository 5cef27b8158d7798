/** Why a command was refused by the rules of the domain: a stable code, and a sentence for people. */
export type Refusal = Readonly<{ code: string; detail: string; extra?: Readonly<Record<string, unknown>> | undefined }>;

/** What a command leads to: new facts (none when there is nothing to change), or a refusal. */
export type Decision<E> = Readonly<{ ok: true; events: readonly E[] }> | Readonly<{ ok: false; refusal: Refusal }>;

/** The rules of one kind of stream, without side effects: state and command to events, state and event to state. */
export interface Decider<State, Command, E> {
  readonly initial: State;
  decide(state: State, command: Command): Decision<E>;
  evolve(state: State, event: E): State;
}

/** A decision for these events. */
export function accept<E>(...events: readonly E[]): Decision<E> {
  return { ok: true, events };
}

/** A refusal. */
export function refuse(code: string, detail: string, extra?: Readonly<Record<string, unknown>>): Decision<never> {
  return { ok: false, refusal: { code, detail, extra } };
}
