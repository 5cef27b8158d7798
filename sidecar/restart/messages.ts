/**
 * What a sidecar and its successor say to each other, over the IPC channel between parent and child:
 *
 *   successor: waits* -> ready            predecessor: go
 *   successor: serving | failed           predecessor stops listening, and closes the channel
 */

/** From the successor. `ready`: it could serve. `serving`: it listens on everything that it has. */
export type SuccessorMessage =
  | Readonly<{ kind: 'waits'; awaited: readonly string[] }>
  | Readonly<{ kind: 'ready' }>
  | Readonly<{ kind: 'serving' }>
  | Readonly<{ kind: 'failed'; reason: string }>;

/** From the predecessor. `go`: begin to listen. */
export type PredecessorMessage = Readonly<{ kind: 'go' }>;

/** Reads a message of a successor, which may be of another version; null for what is not known. */
export function parseSuccessorMessage(message: unknown): SuccessorMessage | null {
  const kind = field(message, 'kind');
  switch (kind) {
    case 'ready':
    case 'serving':
      return { kind };
    case 'waits': {
      const awaited = field(message, 'awaited');
      return { kind, awaited: Array.isArray(awaited) ? awaited.map(String) : [] };
    }
    case 'failed':
      return { kind, reason: String(field(message, 'reason')) };
    default:
      return null;
  }
}

/** Whether a message of the predecessor is the word to begin. */
export function isGo(message: unknown): boolean {
  return field(message, 'kind') === 'go';
}

function field(message: unknown, name: string): unknown {
  return typeof message === 'object' && message !== null ? Reflect.get(message, name) : undefined;
}
