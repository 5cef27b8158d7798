/**
 * What is read from a cluster before anything is judged. Objects are as the API server has them, except the Secret of the certificate
 * authority, of which only certificates are kept.
 */
import type { ProxyView } from '#shared/admin/views.ts';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import type { Manifest } from '../install/manifests.ts';

/** What a `may I` was answered. */
export type Right = Readonly<{ verb: string; resource: string; isAllowed: boolean }>;

/** The certificate authority without its key. PEM. `isKeyOfCertificate`: null when there is no key. */
export type AuthorityFacts = Readonly<{
  certificate: string;
  root: string;
  missingKeys: readonly string[];
  isKeyOfCertificate: boolean | null;
}>;

/** What came of a trial that the API server does not store (`dryRun`). */
export type Trial =
  | Readonly<{ kind: 'done'; wasHandled: boolean }>
  | Readonly<{ kind: 'failed'; message: string }>
  | Readonly<{ kind: 'not-tried'; message: string }>;

/** What the control plane's admin API says of its proxies. */
export type ProxyFacts = Readonly<{ proxies: readonly ProxyView[] } | { unknown: string }>;

export type Facts = Readonly<{
  nowMs: number;
  /** Version of this meshctl. */
  version: string;
  /** Namespace of the control plane. */
  namespace: string;
  /** What `meshctl install` would apply, in versions that this server has. */
  expected: readonly Manifest[];
  server: Readonly<{ major: number; minor: number; text: string }>;
  /** How far the server's clock is ahead of ours; null: unknown. To the second. */
  clockAheadMs: number | null;
  /** What could not be read, and why. */
  unreadable: readonly Readonly<{ what: string; why: string }>[];
  /** Before an installation only. */
  rights: readonly Right[];
  nodes: readonly ClusterObject[];
  namespaces: readonly ClusterObject[];
  pods: readonly ClusterObject[];
  definitions: readonly ClusterObject[];
  mutatingWebhooks: readonly ClusterObject[];
  validatingWebhooks: readonly ClusterObject[];
  clusterRoles: readonly ClusterObject[];
  clusterRoleBindings: readonly ClusterObject[];
  /** In the control plane's namespace. */
  deployments: readonly ClusterObject[];
  services: readonly ClusterObject[];
  endpoints: readonly ClusterObject[];
  serviceAccounts: readonly ClusterObject[];
  roles: readonly ClusterObject[];
  roleBindings: readonly ClusterObject[];
  configMaps: readonly ClusterObject[];
  leases: readonly ClusterObject[];
  /** Null: there is no such Secret. */
  authority: AuthorityFacts | null;
  /** `tulle-ca-root-cert` of all namespaces. */
  rootCertificates: readonly ClusterObject[];
  /** Services of all namespaces, and every resource of a config kind. */
  resources: readonly ClusterObject[];
  proxies: ProxyFacts;
  injection: Trial;
  validation: Trial;
}>;

/** The expected object of a kind and name. */
export function expectedOf(facts: Facts, kind: string, name: string): Manifest | undefined {
  return facts.expected.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
}

export function named(objects: readonly ClusterObject[], name: string): ClusterObject | undefined {
  return objects.find(({ metadata }) => metadata.name === name);
}

/** `NAMESPACE/NAME`. */
export function fullName({ metadata }: ClusterObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
