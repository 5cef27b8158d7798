import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  retireReport,
  sumReports,
  type ClusterReport,
  type DataPathReport,
  type HostReport,
} from './data-path-report.ts';
import { defaultThresholds } from './snapshot/cluster.ts';
import { createClusterStats, type ClusterStats } from './upstream/cluster-stats.ts';

const aHost = (key: string, cxTotal: number, active: number): HostReport => ({
  key,
  address: key,
  port: 80,
  health: 'healthy',
  isEjected: false,
  weight: 1,
  priority: 0,
  activeRequests: active,
  stats: {
    cx_total: cxTotal,
    cx_active: active,
    cx_connect_fail: 0,
    rq_total: 0,
    rq_success: 0,
    rq_error: 0,
    rq_timeout: 0,
  },
});

const aClusterReport = (name: string, stats: Partial<ClusterStats>, hosts: HostReport[] = []): ClusterReport => ({
  name,
  altStatName: name,
  stats: { ...createClusterStats(), ...stats },
  outlier: null,
  thresholds: defaultThresholds,
  breakerRequests: 0,
  hosts,
});

const aReport = (connections: number, ...clusters: ClusterReport[]): DataPathReport => ({
  connections,
  listeners: 2,
  clusters,
});

const seen = ({ clusters }: DataPathReport) =>
  clusters.map(({ name, stats, hosts }) => [
    name,
    stats.upstream_rq_total,
    stats.upstream_cx_active,
    stats.membership_total,
    ...hosts.map((host) => `${host.key} ${host.stats.cx_total} ${host.stats.cx_active} ${host.activeRequests}`),
  ]);

test('workers are added up; members, whom each sees, are not', () => {
  const stats = { upstream_rq_total: 3, upstream_cx_active: 1, membership_total: 2 };
  const sum = sumReports(
    [
      aReport(4, aClusterReport('a', stats, [aHost('x', 1, 1)])),
      aReport(5, aClusterReport('a', stats, [aHost('x', 2, 1), aHost('y', 1, 0)]), aClusterReport('b', {})),
    ],
    null,
  );
  assert.deepEqual([sum.connections, sum.listeners], [9, 2]);
  assert.deepEqual(seen(sum), [
    ['a', 6, 2, 2, 'x 3 2 2', 'y 1 0 0'],
    ['b', 0, 0, 0],
  ]);
});

test('of a dead worker its counts stay, of clusters that are still there, and nothing that was under way', () => {
  const stats = { upstream_rq_total: 3, upstream_cx_active: 1, membership_total: 2 };
  const last = aReport(4, aClusterReport('a', stats, [aHost('x', 7, 1)]), aClusterReport('gone', stats));
  const dead = retireReport(last, retireReport(last, null));
  const sum = sumReports([aReport(1, aClusterReport('a', { upstream_rq_total: 1, membership_total: 1 }))], dead);
  assert.equal(sum.connections, 1);
  assert.deepEqual(seen(sum), [['a', 7, 0, 1, 'x 14 0 0']]);
});
