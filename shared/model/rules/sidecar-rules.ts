import type { Metadata } from '../metadata.ts';
import { isHttp, parseProtocol } from '../protocol.ts';
import { checkConnectionPool } from './connection-pool-rules.ts';
import { checkDestination } from './destination-rules.ts';
import type { Field } from './field.ts';
import {
  check,
  faultOfFqdn,
  faultOfIp,
  faultOfPort,
  faultOfPortName,
  faultOfUnixAddress,
  isUnixAddress,
} from './host-rules.ts';
import { checkSelector } from './label-rules.ts';
import type { Report } from './report.ts';
import { checkProtocol } from './service-entry-rules.ts';
import { checkServerTls } from './server-tls-rules.ts';
import { checkEgressHosts } from './egress-host-rules.ts';

const loopbacks = ['', '127.0.0.1', '0.0.0.0', '::1', '::'];

/** Istio's rules for a Sidecar, beyond its schema. */
export function checkSidecar(spec: Field, { namespace }: Metadata, report: Report): void {
  checkSelector(spec.get('workloadSelector'), spec.at('workloadSelector', 'labels'), report);
  const hasListeners = ['egress', 'ingress'].some((name) => spec.get(name).items.length > 0);
  if (!hasListeners && !spec.get('outboundTrafficPolicy').isSet && !spec.get('inboundConnectionPool').isSet)
    report.error(spec, 'sidecar: empty configuration provided');
  for (const listener of spec.get('ingress').items) checkIngress(listener, report);
  checkUniquePorts(spec.get('ingress'), report);
  checkConnectionPool(spec.get('inboundConnectionPool'), report);
  for (const listener of spec.get('egress').items) {
    if (listener.get('port').isSet) checkEgressPort(listener, report);
    checkEgressHosts(listener.get('hosts'), namespace, report);
  }
  checkUniquePorts(spec.get('egress'), report);
  checkCatchAll(spec.get('egress'), report);
  checkOutboundPolicy(spec.get('outboundTrafficPolicy'), report);
}

function checkIngress(listener: Field, report: Report): void {
  const port = listener.get('port');
  if (!port.isSet) return report.error(port, 'port is required for ingress listeners');
  checkListenerPort(port, report);
  check(report, port.get('number'), faultOfPort(port.get('number').number));
  checkBind(listener.get('bind'), report);
  if (listener.get('defaultEndpoint').text !== '') checkDefaultEndpoint(listener.get('defaultEndpoint'), report);
  checkServerTls(listener.get('tls'), report);
  checkConnectionPool(listener.get('connectionPool'), report);
  const protocol = parseProtocol(port.get('protocol').text);
  const http = listener.at('connectionPool', 'http');
  if (http.isSet && (protocol === null || !isHttp(protocol)))
    report.warn(http, 'the port is not HTTP, only TCP settings will apply');
}

function checkEgressPort(listener: Field, report: Report): void {
  const [port, bind] = [listener.get('port'), listener.get('bind')];
  checkListenerPort(port, report);
  if (port.get('number').number !== 0) {
    check(report, port.get('number'), faultOfPort(port.get('number').number));
    return checkBind(bind, report);
  }
  if (isUnixAddress(bind.text)) check(report, bind, faultOfUnixAddress(bind.text));
  else report.error(bind, 'ports with 0 value must have a unix domain socket bind address');
  const mode = listener.get('captureMode');
  if (!['', 'DEFAULT', 'NONE'].includes(mode.text))
    report.error(mode, 'captureMode must be DEFAULT/NONE for unix domain socket listeners');
}

function checkListenerPort(port: Field, report: Report): void {
  if (port.get('name').text !== '') check(report, port.get('name'), faultOfPortName(port.get('name').text));
  checkProtocol(port.get('protocol'), report);
  if (port.get('targetPort').number > 0) report.error(port.get('targetPort'), 'targetPort has no impact on Sidecars');
}

function checkBind(bind: Field, report: Report): void {
  if (bind.text !== '') check(report, bind, faultOfIp(bind.text));
}

function checkDefaultEndpoint(endpoint: Field, report: Report): void {
  if (isUnixAddress(endpoint.text)) {
    check(report, endpoint, faultOfUnixAddress(endpoint.text));
    return;
  }
  const { host, bare, port } =
    /^(?:\[(?<host>[^\]]*)\]|(?<bare>[^:]*)):(?<port>\d+)$/.exec(endpoint.text)?.groups ?? {};
  if (port === undefined || !loopbacks.includes(host ?? bare ?? ''))
    report.error(endpoint, 'must be of form 127.0.0.1:<port>,0.0.0.0:<port>,[::1]:port,[::]:port,unix://filepath');
  else check(report, endpoint, faultOfPort(Number(port)));
}

function checkUniquePorts(listeners: Field, report: Report): void {
  const seen = new Set<string>();
  for (const listener of listeners.items.filter((item) => item.get('port').isSet)) {
    const number = listener.at('port', 'number');
    const key = number.number === 0 ? listener.get('bind').text : String(number.number);
    if (seen.has(key)) report.error(number, 'ports on IP bound listeners and sockets of others must be unique');
    seen.add(key);
  }
}

/** A listener without a port takes what no other took: there is one at most, and it is the last. */
function checkCatchAll(egress: Field, report: Report): void {
  for (const listener of egress.items.slice(0, -1)) {
    if (!listener.get('port').isSet)
      report.error(
        listener,
        'the egress listener with empty port should be the last listener in the list, and the only one',
      );
  }
}

function checkOutboundPolicy(policy: Field, report: Report): void {
  const proxy = policy.get('egressProxy');
  if (!proxy.isSet) return;
  if (!policy.get('mode').text.startsWith('ALLOW_ANY'))
    report.error(proxy, 'egress_proxy must be set only with ALLOW_ANY outbound_traffic_policy mode');
  check(report, proxy.get('host'), faultOfFqdn(proxy.get('host').text));
  if (!proxy.get('port').isSet) report.error(proxy.get('port'), 'egress_proxy port must be non-nil');
  checkDestination(proxy, report);
}
