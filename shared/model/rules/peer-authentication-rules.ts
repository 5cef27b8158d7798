import type { Metadata } from '../metadata.ts';
import type { Field } from './field.ts';
import { checkSelector } from './label-rules.ts';
import type { Report } from './report.ts';

/** Istio's rules for a PeerAuthentication, beyond its schema. */
export function checkPeerAuthentication(spec: Field, _metadata: Metadata, report: Report): void {
  const [selector, ports] = [spec.get('selector'), spec.get('portLevelMtls')];
  const labels = selector.get('matchLabels');
  if (ports.entries.length > 0 && labels.entries.length === 0)
    report.error(ports, 'portLevelMtls requires selector: mesh/namespace peer authentication cannot have it');
  for (const [port, mtls] of ports.entries) {
    if (!/^\d+$/.test(port)) report.error(mtls, `${JSON.stringify(port)} is not a port number: type conversion error`);
    else if (Number(port) < 1 || Number(port) > 65_535) report.error(mtls, 'port must be between 1-65535');
  }
  checkSelector(selector, labels, report);
}
