/** Which namespaces are read: pure. */
import { selectsLabels, type LabelSelector } from '#shared/model/label-selector.ts';

export type NamespaceRules = Readonly<{
  /** Read besides, whatever the selectors say: the mesh's own settings lie there. */
  rootNamespace: string;
  /** One of these must select a namespace by its labels; none: every namespace is read. */
  selectors: readonly LabelSelector[];
}>;

/** The namespaces that exist and are selected. */
export type SelectedNamespaces = ReadonlySet<string>;

/** Whether a namespace of these labels is read. */
export function isSelected(
  { rootNamespace, selectors }: NamespaceRules,
  name: string,
  labels: Readonly<Record<string, string>>,
): boolean {
  return name === rootNamespace || selectors.some((selector) => selectsLabels(selector, labels));
}

/** What a namespace (its labels; null: it is gone) makes of a selection: the selection itself when nothing changes. */
export function reselect(
  selected: SelectedNamespaces,
  rules: NamespaceRules,
  name: string,
  labels: Readonly<Record<string, string>> | null,
): SelectedNamespaces {
  const isNow = labels !== null && isSelected(rules, name, labels);
  if (selected.has(name) === isNow) return selected;
  const next = new Set(selected);
  if (isNow) next.add(name);
  else next.delete(name);
  return next;
}
