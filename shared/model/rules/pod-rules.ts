import type { Metadata } from '../metadata.ts';
import type { Container, ControllerReference, PodMetadata, PodSpec, PodStatus } from '../pod.ts';
import { ownAnnotations } from './cluster-rules.ts';
import type { Field } from './field.ts';
import { check, faultOfIp } from './host-rules.ts';
import { listOf, optional, readFlag, readInteger, readText } from './read.ts';
import type { Report } from './report.ts';

/**
 * Kubernetes' Pod. A pod is no configuration of the mesh: what Tulle does not read is left out, and nothing is said about it. Of an API
 * server's thousands of pods only this is kept.
 */

/** The metadata of a pod, beyond what every resource has. */
export function readPodMetadata(field: Field, metadata: Metadata, report: Report): PodMetadata {
  const owners = listOf(field.get('ownerReferences'), report).filter((owner) => owner.get('controller').isTrue);
  return {
    ...metadata,
    annotations: ownAnnotations(metadata),
    ...optional('generateName', readText(field.get('generateName'), report)),
    ...(owners.length === 0 ? {} : { ownerReferences: owners.slice(0, 1).map((owner) => readOwner(owner, report)) }),
    ...optional('deletionTimestamp', readText(field.get('deletionTimestamp'), report)),
  };
}

/** The spec of a pod. */
export function readPodSpec(spec: Field, report: Report): PodSpec {
  if (!spec.isObject) report.error(spec, spec.isSet ? 'must be an object' : 'is required');
  const inits = listOf(spec.get('initContainers'), report).map((container) => readContainer(container, report));
  return {
    containers: listOf(spec.get('containers'), report).map((container) => readContainer(container, report)),
    ...(inits.length === 0 ? {} : { initContainers: inits }),
    ...optional('nodeName', readText(spec.get('nodeName'), report)),
    ...optional('serviceAccountName', readText(spec.get('serviceAccountName'), report)),
    ...optional('hostname', readText(spec.get('hostname'), report)),
    ...optional('subdomain', readText(spec.get('subdomain'), report)),
    ...optional('hostNetwork', readFlag(spec.get('hostNetwork'), report)),
  };
}

/** The status of a pod; a pod that was not seen by a kubelet yet has none. */
export function readPodStatus(status: Field, report: Report): PodStatus {
  const listed = listOf(status.get('podIPs'), report).map((entry) => entry.get('ip'));
  const addresses = listed.length > 0 ? listed : [status.get('podIP')];
  for (const address of addresses) if (address.isSet) check(report, address, faultOfIp(address.text));
  const ready = listOf(status.get('conditions'), report).filter((condition) => condition.get('type').text === 'Ready');
  return {
    ...optional('phase', readText(status.get('phase'), report)),
    podIPs: addresses.filter(({ text }) => text !== '').map(({ text }) => ({ ip: text })),
    conditions: ready.map((condition) => ({ type: 'Ready', status: condition.get('status').text })),
  };
}

function readOwner(owner: Field, report: Report): ControllerReference {
  const text = (name: string) => readText(owner.get(name), report) ?? '';
  return { apiVersion: text('apiVersion'), kind: text('kind'), name: text('name'), controller: true };
}

function readContainer(container: Field, report: Report): Container {
  const ports = listOf(container.get('ports'), report).map((port) => ({
    ...optional('name', readText(port.get('name'), report)),
    containerPort: readInteger(port.get('containerPort'), [1, 65_535], report) ?? 0,
    protocol: readText(port.get('protocol'), report) ?? 'TCP',
  }));
  const name = readText(container.get('name'), report) ?? '';
  return ports.length === 0 ? { name } : { name, ports };
}
