import { resourceKey, type Resource } from '../model/resource.ts';
import type { Problem } from '../runtime/result.ts';

/** What is wrong (or doubtful) with a resource in view of the others: a problem that always has a code. */
export type Finding = Problem & Readonly<{ code: string; /** Its key: `KIND/NAMESPACE/NAME`. */ resource: string }>;

/** A place in a resource. */
export type Place = Readonly<{ resource: Resource; path: string }>;

/** A finding at a place. */
export function finding(
  { resource, path }: Place,
  severity: Finding['severity'],
  code: string,
  message: string,
): Finding {
  return { resource: resourceKey(resource), path, severity, code, message };
}
