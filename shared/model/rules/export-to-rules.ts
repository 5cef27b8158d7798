import { isDnsLabelAnyCase } from '../dns-name.ts';
import type { Field } from './field.ts';
import type { Report } from './report.ts';

/** Whose `exportTo` it is. */
export type ExportToContext = Readonly<{
  namespace: string;
  /** A ServiceEntry may be exported to no one (`~`). */
  mayBeNone?: boolean;
  /** A DestinationRule with a workload selector stays in its namespace. */
  isSelective?: boolean;
}>;

/** The namespaces that a resource is visible in: `.` its own, `*` all, `~` none, or names. */
export function checkExportTo(exportTo: Field, context: ExportToContext, report: Report): void {
  const { namespace, mayBeNone = false, isSelective = false } = context;
  const seen = new Set<string>();
  for (const item of exportTo.items) {
    const key = item.text === '.' ? namespace : item.text;
    if (seen.has(key)) report.error(item, `duplicate entry in exportTo: ${JSON.stringify(item.text)}`);
    else if (!isVisibility(key, mayBeNone))
      report.error(item, `${JSON.stringify(key)} is not a namespace, "." or "*"${mayBeNone ? ' or "~"' : ''}`);
    seen.add(key);
  }
  const { length } = exportTo.items;
  if (seen.has('*') && length > 1) report.error(exportTo, 'cannot have both public (*) and non-public exportTo values');
  if (seen.has('~') && length > 1) report.error(exportTo, 'cannot export to no one (~) and someone');
  if (isSelective && length > 0 && (seen.size > 1 || !seen.has(namespace)))
    report.error(exportTo, 'destination rule with workload selector cannot have exportTo beyond current namespace');
}

function isVisibility(target: string, mayBeNone: boolean): boolean {
  return target === '*' || (target === '~' && mayBeNone) || isDnsLabelAnyCase(target);
}
