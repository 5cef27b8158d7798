import { isIP } from 'node:net';
import { coversHost } from '../hostname.ts';
import { checkWeightedDestinations } from './destination-rules.ts';
import type { Field } from './field.ts';
import { checkGatewayNames } from './gateway-name-rules.ts';
import { check, faultOfSubnet, faultOfWildcardHost } from './host-rules.ts';
import { checkLabels } from './label-rules.ts';
import type { Report } from './report.ts';
import { checkPort } from './scalar-rules.ts';

/** What a TLS route is checked against. */
export type TlsRouteContext = Readonly<{ hosts: readonly Field[]; isOfGateway: boolean }>;

/** Istio's rules for `spec.tcp[]`. */
export function checkTcpRoute(route: Field, report: Report): void {
  for (const match of route.get('match').items) checkL4Match(match, report);
  if (route.get('route').items.length === 0) report.error(route.get('route'), 'TCP route is required');
  checkWeightedDestinations(route.get('route'), report);
}

/** Istio's rules for `spec.tls[]`. */
export function checkTlsRoute(route: Field, context: TlsRouteContext, report: Report): void {
  const match = route.get('match');
  if (match.items.length === 0) report.error(match, 'TLS route must have at least one match condition');
  for (const item of match.items) {
    const sniHosts = item.get('sniHosts');
    if (sniHosts.items.length === 0) report.error(sniHosts, 'TLS match must have at least one SNI host');
    for (const host of sniHosts.items) checkSniHost(host, context, report);
    checkL4Match(item, report);
  }
  if (route.get('route').items.length === 0) report.error(route.get('route'), 'TLS route is required');
  checkWeightedDestinations(route.get('route'), report);
}

function checkL4Match(match: Field, report: Report): void {
  for (const subnet of match.get('destinationSubnets').items) check(report, subnet, faultOfSubnet(subnet.text));
  const sourceSubnet = match.get('sourceSubnet');
  if (sourceSubnet.text !== '') check(report, sourceSubnet, faultOfSubnet(sourceSubnet.text));
  checkPort(match.get('port'), report);
  checkLabels(match.get('sourceLabels'), report);
  checkGatewayNames(match.get('gateways'), report);
}

function checkSniHost(sniHost: Field, { hosts, isOfGateway }: TlsRouteContext, report: Report): void {
  const name = sniHost.text;
  if (isIP(name) !== 0) return report.warn(sniHost, 'an IP address goes against the SNI spec, most clients send none');
  const isPassedThrough = isOfGateway && /^outbound_\.[0-8]/.test(name);
  if (!isPassedThrough && !check(report, sniHost, faultOfWildcardHost(name))) return;
  if (!hosts.some((host) => coversHost(host.text, name)))
    report.error(
      sniHost,
      `SNI host ${JSON.stringify(name)} is not a compatible subset of any of the virtual service hosts`,
    );
}
