/** A value without what stands at the given paths; lists have no step of their own in a path. */
export function without(value: unknown, paths: readonly string[], at = ''): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => without(item, paths, at));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .map(([name, inner]) => [name, inner, at === '' ? name : `${at}.${name}`] as const)
    .filter(([, , path]) => !paths.includes(path));
  return Object.fromEntries(entries.map(([name, inner, path]) => [name, without(inner, paths, path)]));
}
