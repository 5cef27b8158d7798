/** The part of Kubernetes' ObjectMeta that Tulle reads. `namespace` is `default` when the document names none. */
export type Metadata = Readonly<{
  name: string;
  namespace: string;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  /** RFC 3339; the older of two conflicting resources wins, then the name decides. */
  creationTimestamp?: string | undefined;
}>;

/** The namespace of a document that names none. */
export const defaultNamespace = 'default';
