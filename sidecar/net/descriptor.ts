/** The descriptor of a socket or server; null where there is none. It is on the handle only, a private field that was always there. */
export function descriptorOf(owner: object): number | null {
  const handle: unknown = Reflect.get(owner, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : null;
  return typeof fd === 'number' && fd >= 0 ? fd : null;
}
