/**
 * The form in which xDS resources live on both ends: plain JSON values as in Envoy's bootstrap files and config dumps.
 * Field names are the protos' (snake_case), enums are names, durations `"1.5s"`, wrappers are bare values, 64-bit integers are
 * numbers when safe, bytes are base64, `Struct` is JSON, and an `Any` is the message itself with its type in `@type`.
 * Fields at their default value are absent.
 */
export type TypedValue =
  | string
  | number
  | boolean
  | null
  | readonly TypedValue[]
  | { readonly [field: string]: TypedValue };

/** A message whose type is known from its place. */
export type TypedObject = { readonly [field: string]: TypedValue };

/** A message that names its type: `type.googleapis.com/envoy.config.cluster.v3.Cluster`. */
export type TypedMessage = TypedObject & { readonly '@type': string };
