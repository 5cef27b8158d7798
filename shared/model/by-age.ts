import type { Metadata } from './metadata.ts';

/** Orders resources: oldest first, then by name, then by namespace. Those without a creation time come first. */
export function byAge(a: Readonly<{ metadata: Metadata }>, b: Readonly<{ metadata: Metadata }>): number {
  return (
    compareText(a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '') ||
    compareText(a.metadata.name, b.metadata.name) ||
    compareText(a.metadata.namespace, b.metadata.namespace)
  );
}

/** Orders text by code units, the same on every machine. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
