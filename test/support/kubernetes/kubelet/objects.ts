/** The objects of Kubernetes that a kubelet reads, as they come in JSON. */
import type {
  V1ConfigMap,
  V1Container,
  V1Endpoints,
  V1HTTPGetAction,
  V1LifecycleHandler,
  V1Pod,
  V1Probe,
  V1Secret,
  V1Service,
  V1Volume,
} from '@kubernetes/client-node';

/** The client's classes as plain values; times are strings on the wire. */
type Json<T> = T extends Date
  ? string
  : T extends readonly (infer U)[]
    ? Json<U>[]
    : T extends object
      ? { [K in keyof T]: Json<T[K]> }
      : T;

export type Pod = Json<V1Pod>;
export type Container = Json<V1Container>;
export type Service = Json<V1Service>;
export type Endpoints = Json<V1Endpoints>;
export type ConfigMap = Json<V1ConfigMap>;
export type Secret = Json<V1Secret>;
export type Volume = Json<V1Volume>;
export type Probe = Json<V1Probe>;
export type HttpGet = Json<V1HTTPGetAction>;
export type Hook = Json<V1LifecycleHandler>;
export type AnyObject = Readonly<{ metadata?: Pod['metadata'] }>;

/** `namespace/name`. */
export const keyOf = ({ metadata }: AnyObject): string => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;

/** A container of `initContainers` that stays beside the others: a native sidecar. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';
