/**
 * The account of this process's listening sockets: what came from a predecessor and is still to be taken, and what a successor
 * would get. It lives on the main thread, whoever accepts: a server of this thread on a descriptor of its own, or worker threads on
 * duplicates of sockets that the main thread holds (`SocketCalls`).
 *
 *   predecessor -> [inherited] -> take() -> a server listens, hold() -> held() -> successor
 */
import { closeSync } from 'node:fs';

/** Which listening socket, as the configuration has it (port 0 too, which is why it has a name). */
export type SocketName = Readonly<{ name: string; address: string; port: number }>;

/** A listening socket to hand on. One that several may listen on (SO_REUSEPORT) is there once for each. */
export type HandedSocket = SocketName & Readonly<{ fd: number }>;

export class ListeningSockets {
  #inherited: readonly HandedSocket[];
  readonly #held = new Set<HandedSocket>();

  /** `inherited`: descriptors of this process that nobody else closes. */
  constructor(inherited: readonly HandedSocket[] = []) {
    this.#inherited = inherited;
  }

  /** Whether a predecessor left sockets that were not taken yet. */
  get hasInherited(): boolean {
    return this.#inherited.length > 0;
  }

  /**
   * Takes a socket that the predecessor listened on there; null if it left none (any more). The descriptor belongs to the caller. Ports
   * are told apart by number, whatever the listener is called now; those of port 0, which say nothing, by name.
   */
  take(wanted: SocketName): number | null {
    const found = this.#inherited.find((socket) => isSamePlace(socket, wanted));
    if (found === undefined) return null;
    this.#inherited = this.#inherited.filter((socket) => socket !== found);
    return found.fd;
  }

  /** Notes a socket for a successor, until the returned function is called, which is before it is closed. */
  hold(socket: HandedSocket): () => void {
    this.#held.add(socket);
    return () => this.#held.delete(socket);
  }

  /** What a successor gets, in the order in which it was opened. */
  held(): readonly HandedSocket[] {
    return [...this.#held];
  }

  /** Closes what the configuration does not ask for any more; what waits in their queues is reset. */
  closeUntaken(): readonly SocketName[] {
    const untaken = this.#inherited;
    this.#inherited = [];
    for (const { fd } of untaken) closeSync(fd);
    return untaken;
  }
}

function isSamePlace(socket: SocketName, wanted: SocketName): boolean {
  if (socket.address !== wanted.address || socket.port !== wanted.port) return false;
  return wanted.port !== 0 || socket.name === wanted.name;
}
