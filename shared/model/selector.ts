/** Labels by name. */
export type Labels = Readonly<Record<string, string>>;

/**
 * Whether a workload with these labels has every label that is wanted. Nothing wanted takes everything, as in policies;
 * a Service without a selector selects nothing, which its reader has to know.
 */
export function matchesLabels(wanted: Labels | undefined, labels: Labels): boolean {
  return wanted === undefined || Object.entries(wanted).every(([name, value]) => labels[name] === value);
}
