/** What the control plane knows of one host. */
export type NameInfo = Readonly<{
  /** IPv4 and IPv6 addresses; what is none has been left out. */
  addresses: readonly string[];
  /** A Kubernetes service has short forms, which are made of these two. */
  isKubernetes: boolean;
  shortname: string;
  namespace: string;
  /** Further names, in full. */
  otherHosts: readonly string[];
}>;

/** The names of the mesh by host, without a trailing dot; a wildcard as `*.example.com`. */
export type NameTable = ReadonlyMap<string, NameInfo>;
