import { checkClientTls } from './client-tls-rules.ts';
import { checkConnectionPool } from './connection-pool-rules.ts';
import type { Field } from './field.ts';
import { check, faultOfFqdn, faultOfIp, faultOfPort } from './host-rules.ts';
import { checkLoadBalancer } from './load-balancer-rules.ts';
import type { Report } from './report.ts';
import { checkDuration, checkNonNegative, checkPercent } from './scalar-rules.ts';

const portFields = ['outlierDetection', 'connectionPool', 'loadBalancer', 'tls'];
const policyFields = [...portFields, 'portLevelSettings', 'tunnel', 'proxyProtocol', 'retryBudget'];
const proxyProtocolVersions = ['V1', 'V2', 0, 1];

/** Istio's rules for the `trafficPolicy` of a rule or of a subset. */
export function checkTrafficPolicy(policy: Field, report: Report): void {
  if (!policy.isObject) return;
  if (policyFields.every((name) => !policy.get(name).isSet))
    return report.error(policy, 'traffic policy must have at least one field');
  if (policy.get('tunnel').isSet && policy.get('proxyProtocol').isSet)
    report.error(policy.get('tunnel'), 'tunnel and proxyProtocol must not be set together');
  checkBlocks(policy, report);
  for (const port of policy.get('portLevelSettings').items) checkPortPolicy(port, report);
  checkTunnel(policy.get('tunnel'), report);
  const version = policy.at('proxyProtocol', 'version');
  if (version.isSet && !proxyProtocolVersions.some((known) => known === version.value))
    report.error(version, 'proxy protocol version is invalid, must be V1 or V2');
  checkRetryBudget(policy.get('retryBudget'), report);
}

function checkPortPolicy(policy: Field, report: Report): void {
  const port = policy.get('port');
  if (!port.isSet) report.error(port, 'portTrafficPolicy must have valid port');
  else if (port.get('number').isSet) check(report, port.get('number'), faultOfPort(port.get('number').number));
  if (portFields.every((name) => !policy.get(name).isSet))
    return report.error(policy, 'port traffic policy must have at least one field');
  checkBlocks(policy, report);
}

function checkBlocks(policy: Field, report: Report): void {
  checkOutlierDetection(policy.get('outlierDetection'), report);
  checkConnectionPool(policy.get('connectionPool'), report);
  checkLoadBalancer(policy.get('loadBalancer'), policy.get('outlierDetection').isSet, report);
  checkClientTls(policy.get('tls'), report);
}

function checkOutlierDetection(outlier: Field, report: Report): void {
  checkDuration(outlier.get('baseEjectionTime'), report);
  checkDuration(outlier.get('interval'), report);
  checkPercent(outlier.get('maxEjectionPercent'), report);
  checkPercent(outlier.get('minHealthPercent'), report);
  const deprecated = outlier.get('consecutiveErrors');
  if (deprecated.number !== 0)
    report.warn(deprecated, 'deprecated, use consecutiveGatewayErrors or consecutive5xxErrors instead');
  const local = outlier.get('consecutiveLocalOriginFailures');
  if (local.number > 0 && !outlier.get('splitExternalLocalOriginErrors').isTrue)
    report.error(local, 'is specified, but splitExternalLocalOriginErrors is not true');
}

function checkTunnel(tunnel: Field, report: Report): void {
  if (!tunnel.isObject) return;
  const protocol = tunnel.get('protocol');
  if (!['', 'CONNECT', 'POST'].includes(protocol.text))
    report.error(protocol, 'tunnel protocol must be "CONNECT" or "POST"');
  const host = tunnel.get('targetHost');
  if (faultOfFqdn(host.text) !== null && faultOfIp(host.text) !== null)
    report.error(host, 'tunnel target host must be valid FQDN or IP address');
  check(report, tunnel.get('targetPort'), faultOfPort(tunnel.get('targetPort').number));
}

function checkRetryBudget(budget: Field, report: Report): void {
  checkPercent(budget.get('percent'), report);
  checkNonNegative(budget.get('minRetryConcurrency'), report);
}
