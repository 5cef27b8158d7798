/** How one string is compared. `regex` must match the whole string (RE2 semantics). */
export type StringMatch =
  | Readonly<{ kind: 'exact' | 'prefix' | 'suffix' | 'contains'; value: string; ignoreCase: boolean }>
  | Readonly<{ kind: 'regex'; pattern: string }>;

/** A header (`:method`, `:authority`, `:scheme`, `:path` are headers too). Several lines are joined with a comma first. */
export type HeaderMatch = Readonly<{
  /** Lower case. */
  name: string;
  match: StringMatch | Readonly<{ kind: 'present' }> | Readonly<{ kind: 'range'; start: number; end: number }>;
  invert: boolean;
  treatMissingAsEmpty: boolean;
}>;

/** A query parameter; of several of one name the first counts. */
export type QueryMatch = Readonly<{ name: string; match: StringMatch | Readonly<{ kind: 'present' }> }>;

/** The path, without query and fragment. `separatedPrefix` only matches at segment borders. */
export type PathMatch =
  | Readonly<{ kind: 'prefix' | 'exact' | 'separatedPrefix'; value: string; ignoreCase: boolean }>
  | Readonly<{ kind: 'regex'; pattern: string }>
  | Readonly<{ kind: 'connect' }>;

/** A fraction of requests: `numerator` of `denominator`. */
export type Fraction = Readonly<{ numerator: number; denominator: 100 | 10_000 | 1_000_000 }>;
