/** All features of the table that are written in HTTP/1.1. */
import { headers } from './cases/headers.ts';
import { identity } from './cases/identity.ts';
import { limits } from './cases/limits.ts';
import { malformed } from './cases/malformed.ts';
import { matching } from './cases/matching.ts';
import { messages } from './cases/messages.ts';
import { policies } from './cases/policies.ts';
import { retries } from './cases/retries.ts';
import { rewriting } from './cases/rewriting.ts';
import { tunnels } from './cases/tunnels.ts';
import type { Case, Feature } from './case.ts';

export const features: readonly Feature[] = [
  matching,
  rewriting,
  headers,
  retries,
  limits,
  messages,
  malformed,
  identity,
  policies,
  tunnels,
];

/** Rows whose point is something that HTTP/2 has not: HTTP/1.1's syntax, older versions, a connection that is closed by a header. */
const ofHttp1 = new Set([
  'messages: Connection: close of the client',
  'messages: an upgrade to h2c',
  'messages: HTTP/1.0 is refused',
]);

/** Whether a row says something when its client speaks HTTP/2. */
export function isForHttp2Client(feature: Feature, row: Case): boolean {
  if (feature.name === tunnels.name || row.listener === 'http10') return false;
  return !ofHttp1.has(`${feature.name}: ${row.name}`) && !row.name.startsWith('request: ');
}

/** Whether a row says something when the upstream speaks HTTP/2, where any 2xx takes an upgrade. */
export function isForHttp2Upstream(feature: Feature, row: Case): boolean {
  if (row.name === 'an upgrade that the upstream does not take') return false;
  return feature.name !== tunnels.name && feature.name !== malformed.name && row.upstream?.some(isOldAnswer) !== true;
}

/** An answer that only HTTP/1 can give. */
function isOldAnswer(answer: NonNullable<Case['upstream']>[number]): boolean {
  return answer.kind === 'raw' && answer.bytes.toString().startsWith('HTTP/1.0');
}
