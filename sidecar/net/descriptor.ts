/** The descriptor of a socket or server; null where there is none. It is on the handle only, a private field that was always there. */
export function descriptorOf(owner: object): number | null {
  return ofHandle(Reflect.get(owner, '_handle'));
}

/** The descriptor of a socket for datagrams, whose handle is a level deeper (`lib/internal/dgram.js`). */
export function datagramDescriptorOf(owner: object): number | null {
  const state = Object.getOwnPropertySymbols(owner).find(({ description }) => description === 'state symbol');
  const value: unknown = state === undefined ? null : Reflect.get(owner, state);
  return typeof value === 'object' && value !== null ? ofHandle(Reflect.get(value, 'handle')) : null;
}

function ofHandle(handle: unknown): number | null {
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : null;
  return typeof fd === 'number' && fd >= 0 ? fd : null;
}
