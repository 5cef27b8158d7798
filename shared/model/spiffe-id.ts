import { fail, ok, problem, type Result } from '../runtime/result.ts';
import { isDnsLabel, isDnsSubdomain } from './dns-name.ts';

/** Who a workload is: a Kubernetes service account of a trust domain. */
export type SpiffeId = Readonly<{ trustDomain: string; namespace: string; serviceAccount: string }>;

const scheme = 'spiffe://';
const maxChars = 2048;
const trustDomainShape = /^[a-z0-9._-]{1,255}$/;

/** Whether a text may be a trust domain. */
export function isTrustDomain(text: string): boolean {
  return trustDomainShape.test(text);
}

/**
 * Reads `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`, strictly: no other path, no empty or dot segment, no
 * percent-encoding, no port, user, query or fragment, and small letters where DNS names have them.
 */
export function parseSpiffeId(uri: string): Result<SpiffeId> {
  const refuse = (reason: string): Result<SpiffeId> =>
    fail([
      problem('', `${JSON.stringify(uri.slice(0, 256))} is not a SPIFFE ID of a workload: ${reason}`, 'spiffe_id'),
    ]);
  if (uri.length > maxChars) return refuse(`longer than ${maxChars} characters`);
  if (!uri.startsWith(scheme)) return refuse(`it does not start with ${scheme}`);
  const segments = uri.slice(scheme.length).split('/');
  const [trustDomain = '', ns, namespace = '', sa, serviceAccount = ''] = segments;
  if (segments.length !== 5 || ns !== 'ns' || sa !== 'sa')
    return refuse('it is not spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT');
  if (!isTrustDomain(trustDomain)) return refuse('the trust domain has other letters than a-z, 0-9, ".", "-", "_"');
  if (!isDnsLabel(namespace)) return refuse('the namespace is not a DNS label');
  if (!isDnsSubdomain(serviceAccount)) return refuse('the service account is not a DNS name');
  return ok({ trustDomain, namespace, serviceAccount });
}

/** The URI of an identity. It is as strict as the identity's parts: parse it where they are not trusted. */
export function formatSpiffeId({ trustDomain, namespace, serviceAccount }: SpiffeId): string {
  return `${scheme}${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
