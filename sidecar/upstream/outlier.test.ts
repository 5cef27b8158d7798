import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FakeClock } from '#shared/runtime/clock.ts';
import type { OutlierConfig } from '../snapshot/cluster.ts';
import { OutlierMonitor } from './outlier-monitor.ts';
import type { OutlierHost } from './outlier-reports.ts';
import { OutlierDetector } from './outlier.ts';
import { successRateThreshold } from './outlier-rates.ts';

const envoyDefaults: OutlierConfig = {
  consecutive5xx: 5,
  enforcingConsecutive5xx: 100,
  consecutiveGatewayFailure: 5,
  enforcingConsecutiveGatewayFailure: 0,
  consecutiveLocalOriginFailure: 5,
  enforcingConsecutiveLocalOriginFailure: 100,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionTimeMs: 300_000,
  maxEjectionTimeJitterMs: 0,
  maxEjectionPercent: 10,
  alwaysEjectOneHost: false,
  splitExternalLocalOriginErrors: false,
  successRateMinimumHosts: 5,
  successRateRequestVolume: 100,
  successRateStdevFactor: 1900,
  enforcingSuccessRate: 100,
  failurePercentageThreshold: 85,
  failurePercentageMinimumHosts: 5,
  failurePercentageRequestVolume: 50,
  enforcingFailurePercentage: 0,
};

function setUp(config: Partial<OutlierConfig> = {}, count = 5, random = () => 0.5) {
  const clock = new FakeClock();
  const events: string[] = [];
  const hosts: OutlierHost[] = Array.from({ length: count }, (_, n) => ({
    key: `h${n}`,
    monitor: new OutlierMonitor(),
  }));
  const detector = new OutlierDetector<OutlierHost>(
    { ...envoyDefaults, maxEjectionPercent: 100, ...config },
    {
      clock,
      random,
      onEvent: (event) =>
        events.push(
          `${event.action} ${event.host.key} ${event.type ?? ''}${event.isEnforced ? '' : ' (not enforced)'}`,
        ),
    },
  );
  detector.setHosts(hosts);
  const start = clock.monotonic();
  const wait = (ms: number) => {
    for (const end = clock.monotonic() + ms; clock.monotonic() < end;) {
      clock.advance(10_000);
      detector.tick();
    }
  };
  return { clock, events, hosts, detector, wait, seconds: () => (clock.monotonic() - start) / 1000 };
}

type SetUp = ReturnType<typeof setUp>;

const respond = ({ detector, hosts }: SetUp, statuses: number[], n = 0) => {
  const host = hosts[n];
  assert.ok(host);
  for (const status of statuses) detector.reportStatus(host, status);
};

const times = (count: number, status: number) => Array.from({ length: count }, () => status);

describe('consecutive errors', () => {
  test('the fifth 500 ejects, once', () => {
    const s = setUp();
    respond(s, times(4, 500));
    assert.deepEqual(s.events, []);
    respond(s, times(10, 500));
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_5XX']);
    assert.equal(s.detector.stats.ejections_active, 1);
  });

  test('a success in between starts the count anew', () => {
    const s = setUp();
    respond(s, [...times(4, 500), 200, ...times(4, 500)]);
    assert.deepEqual(s.events, []);
    respond(s, [500]);
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_5XX']);
  });

  test('a 500 after a 502 resets the gateway count only', () => {
    const s = setUp({ consecutive5xx: 100, consecutiveGatewayFailure: 2, enforcingConsecutiveGatewayFailure: 100 });
    respond(s, [502, 500, 503]);
    assert.deepEqual(s.events, []);
    assert.equal(s.hosts[0]?.monitor.consecutive5xx, 3);
    respond(s, [504]);
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_GATEWAY_FAILURE']);
  });

  test('ten percent of five hosts is nobody, and the counter starts again when refused', () => {
    const s = setUp({ maxEjectionPercent: 10 });
    respond(s, times(14, 500));
    assert.deepEqual([s.events, s.detector.stats.ejections_overflow], [[], 2]);
    assert.equal(s.hosts[0]?.monitor.consecutive5xx, 4);
  });

  test('one host of five may go when one always may', () => {
    const s = setUp({ maxEjectionPercent: 10, alwaysEjectOneHost: true });
    respond(s, times(5, 500));
    respond(s, times(5, 500), 1);
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_5XX']);
  });

  test('half of three hosts is one', () => {
    const s = setUp({ maxEjectionPercent: 50 }, 3);
    respond(s, times(5, 500), 0);
    respond(s, times(5, 500), 1);
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_5XX']);
  });

  test('what is not enforced is told, but nobody goes', () => {
    const s = setUp({ enforcingConsecutive5xx: 0 });
    respond(s, times(5, 500));
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_5XX (not enforced)']);
    assert.equal(s.hosts[0]?.monitor.isEjected, false);
  });

  test('the enforcing percentage is drawn for each ejection', () => {
    const draws = [0.49, 0, 0.5];
    const s = setUp({ enforcingConsecutive5xx: 50 }, 5, () => draws.shift() ?? 0);
    respond(s, times(5, 500), 0);
    respond(s, times(5, 500), 1);
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_5XX', 'EJECT h1 CONSECUTIVE_5XX (not enforced)']);
  });

  test('connect failures and timeouts count as 503 and 504, a connection made counts as nothing', () => {
    const s = setUp({ enforcingConsecutiveGatewayFailure: 100, consecutiveGatewayFailure: 3 });
    const [host] = s.hosts;
    assert.ok(host);
    s.detector.reportLocal(host, 'connectFailed');
    s.detector.reportLocal(host, 'connectSuccess');
    s.detector.reportLocal(host, 'timeout');
    s.detector.reportLocal(host, 'connectFailed');
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_GATEWAY_FAILURE']);
  });

  test('split, local failures have a counter of their own that a connection resets', () => {
    const s = setUp({ splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailure: 2 });
    const [host] = s.hosts;
    assert.ok(host);
    for (const result of ['connectFailed', 'connectSuccess', 'timeout'] as const) s.detector.reportLocal(host, result);
    respond(s, [200]);
    assert.deepEqual([s.events, host.monitor.consecutive5xx], [[], 0]);
    s.detector.reportLocal(host, 'connectFailed');
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_LOCAL_ORIGIN_FAILURE']);
  });
});

describe('the length of an ejection', () => {
  test('ends at the first tick after the base time, each further one lasts a base time longer', () => {
    const s = setUp();
    const lengths: number[] = [];
    for (let n = 0; n < 3; n++) {
      s.clock.advance(4_000);
      respond(s, times(5, 500));
      const from = s.seconds();
      while (s.hosts[0]?.monitor.isEjected === true) {
        s.clock.advance(s.seconds() % 10 === 0 ? 10_000 : 10_000 - (s.clock.monotonic() % 10_000));
        s.detector.tick();
      }
      lengths.push(s.seconds() - from);
    }
    assert.deepEqual(
      lengths.map((seconds, n) => seconds >= 30 * (n + 1) && seconds <= 30 * (n + 1) + 10),
      [true, true, true],
      String(lengths),
    );
  });

  test('a re-ejection at once lasts sixty seconds, and the longest is the maximum', () => {
    const s = setUp({ maxEjectionTimeMs: 70_000 });
    const lengths: number[] = [];
    for (let n = 0; n < 4; n++) {
      respond(s, times(5, 500));
      const from = s.seconds();
      while (s.hosts[0]?.monitor.isEjected === true) s.wait(10_000);
      lengths.push(s.seconds() - from);
    }
    assert.deepEqual(lengths, [30, 60, 70, 70]);
  });

  test('each interval in good health takes one base time off again', () => {
    const s = setUp();
    for (let n = 0; n < 3; n++) {
      respond(s, times(5, 500));
      while (s.hosts[0]?.monitor.isEjected === true) s.wait(10_000);
    }
    assert.equal(s.hosts[0]?.monitor.backoff, 3);
    s.wait(20_000);
    assert.equal(s.hosts[0]?.monitor.backoff, 1);
    s.wait(30_000);
    assert.equal(s.hosts[0]?.monitor.backoff, 0);
  });

  test('jitter makes it longer', () => {
    const s = setUp({ maxEjectionTimeJitterMs: 20_000 }, 5, () => 0.9);
    respond(s, times(5, 500));
    s.wait(40_000);
    assert.equal(s.hosts[0]?.monitor.isEjected, true);
    s.wait(10_000);
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_5XX', 'UNEJECT h0 ']);
  });

  test('counters start at nought afterwards', () => {
    const s = setUp();
    respond(s, times(9, 500));
    s.wait(30_000);
    respond(s, times(4, 500));
    assert.equal(s.hosts[0]?.monitor.isEjected, false);
  });
});

describe('rates', () => {
  const load = (s: SetUp, failures: number[], total = 100) => {
    for (const [n, failed] of failures.entries()) respond(s, [...times(total - failed, 200), ...times(failed, 500)], n);
    s.wait(10_000);
  };

  const rare = { consecutive5xx: 1_000_000, consecutiveGatewayFailure: 1_000_000 };

  test('thresholds are those of the vectors', () => {
    assert.equal(successRateThreshold([100, 100, 100, 100, 50], 1.9), 52);
    assert.ok(Math.abs(successRateThreshold([100, 100, 100, 50, 50], 1.9) - 33.46) < 0.01);
  });

  test('one of five at half is an outlier, two are not', () => {
    const one = setUp(rare);
    load(one, [0, 0, 0, 0, 50]);
    assert.deepEqual(one.events, ['EJECT h4 SUCCESS_RATE']);
    const two = setUp(rare);
    load(two, [0, 0, 0, 50, 50]);
    assert.deepEqual(two.events, []);
  });

  test('a single deviating host of five goes, however little it deviates; of four nobody goes', () => {
    const five = setUp(rare);
    load(five, [0, 0, 0, 0, 1], 1_000);
    assert.deepEqual(five.events, ['EJECT h4 SUCCESS_RATE']);
    const four = setUp(rare, 4);
    load(four, [0, 0, 0, 100]);
    assert.deepEqual(four.events, []);
  });

  test('needs enough requests of each host, within one interval', () => {
    const s = setUp({ ...rare, failurePercentageRequestVolume: 100 });
    load(s, [0, 0, 0, 0, 99], 99);
    load(s, [0, 0, 0, 0, 99], 99);
    assert.deepEqual(s.events, []);
  });

  test('a host that fails at least so many percent goes', () => {
    const s = setUp({ ...rare, enforcingSuccessRate: 0, enforcingFailurePercentage: 100 });
    load(s, [85, 84, 0, 0, 0]);
    assert.deepEqual(
      s.events.filter((event) => !event.includes('not enforced')),
      ['EJECT h0 FAILURE_PERCENTAGE'],
    );
  });
});

describe('the hosts of the cluster', () => {
  test('one that leaves while ejected no longer counts, and a result that comes late does nothing', () => {
    const s = setUp({ maxEjectionPercent: 50 }, 3);
    respond(s, times(5, 500), 0);
    s.detector.setHosts(s.hosts.slice(1));
    assert.equal(s.detector.stats.ejections_active, 0);
    respond(s, times(5, 500), 1);
    respond(s, times(50, 500), 0);
    assert.deepEqual(s.events, ['EJECT h0 CONSECUTIVE_5XX', 'EJECT h1 CONSECUTIVE_5XX']);
  });

  test('switched off, everybody returns', () => {
    const s = setUp();
    respond(s, times(5, 500), 2);
    s.detector.release();
    assert.deepEqual(s.events, ['EJECT h2 CONSECUTIVE_5XX', 'UNEJECT h2 ']);
  });
});
