import { isIP } from 'node:net';
import { coversHost } from '../hostname.ts';
import type { Metadata } from '../metadata.ts';
import { checkExportTo } from './export-to-rules.ts';
import type { Field } from './field.ts';
import { checkGatewayNames } from './gateway-name-rules.ts';
import { check, faultOfWildcardHost } from './host-rules.ts';
import { checkHttpRoute } from './http-route-rules.ts';
import { checkTcpRoute, checkTlsRoute } from './l4-route-rules.ts';
import type { Report } from './report.ts';

/** Istio's rules for a VirtualService, beyond its schema. */
export function checkVirtualService(spec: Field, metadata: Metadata, report: Report): void {
  const hosts = spec.get('hosts');
  const gateways = spec.get('gateways');
  const isDelegate = hosts.items.length === 0;
  const isOfGateway = gateways.items.length > 0 && gateways.items.every((gateway) => gateway.text !== 'mesh');
  if (isDelegate) checkDelegate(spec, report);
  checkGatewayNames(gateways, report);
  checkHosts(hosts, isOfGateway, report);
  const routes = ['http', 'tcp', 'tls'].map((name) => spec.get(name));
  if (routes.every((list) => list.items.length === 0))
    report.error(spec, 'http, tcp or tls must be provided in virtual service');
  for (const route of spec.get('http').items) checkHttpRoute(route, { isDelegate, isOfGateway }, report);
  for (const route of spec.get('tls').items) checkTlsRoute(route, { hosts: hosts.items, isOfGateway }, report);
  for (const route of spec.get('tcp').items) checkTcpRoute(route, report);
  checkExportTo(spec.get('exportTo'), { namespace: metadata.namespace }, report);
}

/** Without hosts it is part of another VirtualService. */
function checkDelegate(spec: Field, report: Report): void {
  for (const name of ['gateways', 'tls', 'tcp']) {
    const list = spec.get(name);
    if (list.items.length > 0)
      report.error(list, `delegate virtual service (one without hosts) must have no ${name} specified`);
  }
}

function checkHosts(hosts: Field, isOfGateway: boolean, report: Report): void {
  let areValid = true;
  for (const host of hosts.items) {
    const isAddress = isIP(host.text) !== 0;
    areValid = (isAddress || check(report, host, faultOfWildcardHost(host.text))) && areValid;
    if (host.text !== '*' || isOfGateway) continue;
    report.error(host, 'wildcard host * is not allowed for virtual services bound to the mesh gateway');
    areValid = false;
  }
  if (areValid) checkOverlap(hosts, report);
}

function checkOverlap(hosts: Field, report: Report): void {
  for (const [index, host] of hosts.items.entries()) {
    const other = hosts.items
      .slice(0, index)
      .find(({ text }) => coversHost(text, host.text) || coversHost(host.text, text));
    if (other !== undefined) report.error(host, `duplicate hosts in virtual service: ${other.text} & ${host.text}`);
  }
}
