import type { Metadata } from '../metadata.ts';
import { topologyLabels } from '../pod.ts';

/** Nodes, namespaces and pods: of what a cluster says about itself, the part that a mesh reads. */

const ownAnnotation = /^(?:[a-z-]+\.)*(?:istio\.io|mesh\.tulle\.dev)\//;
const kept: readonly string[] = Object.values(topologyLabels);

/** The annotations that are the mesh's. */
export function ownAnnotations({ annotations }: Metadata): Metadata['annotations'] {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => ownAnnotation.test(name)));
}

/** A node: where it is. Its kubelet writes much more, often. */
export function readNodeMetadata(metadata: Metadata): Metadata {
  const labels = Object.entries(metadata.labels).filter(([name]) => kept.includes(name));
  return { ...metadata, labels: Object.fromEntries(labels), annotations: {} };
}

/** A namespace: its labels select it. */
export function readNamespaceMetadata(metadata: Metadata): Metadata {
  return { ...metadata, annotations: ownAnnotations(metadata) };
}
