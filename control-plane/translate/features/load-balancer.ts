import type { TypedObject } from '#shared/xds/typed.ts';
import type { ConsistentHash, LoadBalancer } from '../traffic-policy.ts';
import { compact } from '../typed-builder.ts';
import { duration } from './connection-pool.ts';

/** `lb_policy` (round robin is the field's default) and its settings. `PASSTHROUGH` is told by `isPassthrough`: it changes the type of the cluster. */
export function loadBalancing(balancer: LoadBalancer | undefined): TypedObject {
  if (balancer?.consistentHash !== undefined) {
    return consistentHashing(balancer.consistentHash);
  }
  const slowStart = slowStartConfig(balancer);
  switch (balancer?.simple) {
    case 'RANDOM':
      return { lb_policy: 'RANDOM' };
    case 'ROUND_ROBIN':
      return compact({ round_robin_lb_config: slowStart });
    case 'PASSTHROUGH':
    case 'LEAST_CONN':
    case 'LEAST_REQUEST':
    case 'UNSPECIFIED':
    case undefined:
      return compact({ lb_policy: 'LEAST_REQUEST', least_request_lb_config: slowStart });
  }
}

/** Whether traffic goes where the application wanted to connect. */
export function isPassthrough(balancer: LoadBalancer | undefined): boolean {
  return balancer?.simple === 'PASSTHROUGH' && balancer.consistentHash === undefined;
}

/** `hash_policy` entries of a route to a destination with consistent hashing. */
export function hashPolicy(hash: ConsistentHash): TypedObject | undefined {
  if (hash.httpHeaderName !== undefined) {
    return { header: { header_name: hash.httpHeaderName } };
  }
  if (hash.httpCookie !== undefined) {
    const { name, path, ttl } = hash.httpCookie;
    return { cookie: compact({ name, ttl: duration(ttl), path: path === '' ? undefined : path }) };
  }
  if (hash.useSourceIp !== undefined) {
    return { connection_properties: hash.useSourceIp ? { source_ip: true } : {} };
  }
  return hash.httpQueryParameterName === undefined
    ? undefined
    : { query_parameter: { name: hash.httpQueryParameterName } };
}

function consistentHashing(hash: ConsistentHash): TypedObject {
  if (hash.maglev !== undefined) {
    const { tableSize = 0 } = hash.maglev;
    return compact({
      lb_policy: 'MAGLEV',
      maglev_lb_config: tableSize === 0 ? undefined : { table_size: tableSize },
    });
  }
  const minimum = hash.ringHash === undefined ? (hash.minimumRingSize ?? 1024) : hash.ringHash.minimumRingSize;
  return compact({
    lb_policy: 'RING_HASH',
    ring_hash_lb_config: minimum === undefined || minimum === 0 ? undefined : { minimum_ring_size: minimum },
  });
}

function slowStartConfig(balancer: LoadBalancer | undefined): TypedObject | undefined {
  const { warmup, warmupDurationSecs } = balancer ?? {};
  const window = duration(warmup?.duration ?? warmupDurationSecs);
  if (window === undefined) {
    return undefined;
  }
  return {
    slow_start_config: compact({
      slow_start_window: window,
      aggression:
        warmup?.aggression === undefined
          ? undefined
          : { default_value: warmup.aggression, runtime_key: 'upstream.slow_start.aggression' },
      min_weight_percent: warmup?.minimumPercent === undefined ? undefined : { value: warmup.minimumPercent },
    }),
  };
}
