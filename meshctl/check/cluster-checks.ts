import { error, warning, type Check } from './verdict.ts';

const category = 'cluster';
/** What the manifests and native sidecars are made for. */
const recommendedMinor = 29;
const oldestMinor = 20;
/** Certificates are valid from two minutes before they are issued. */
const certificateSlackMs = 120_000;
const noticeableSkewMs = 10_000;

/** What holds before and after an installation. */
export const clusterChecks: readonly Check[] = [
  {
    category,
    name: 'the version of Kubernetes is supported',
    judge: ({ server: { major, minor, text } }) => {
      if (major > 1 || minor >= recommendedMinor) return [];
      if (minor < oldestMinor)
        return [error(`this is Kubernetes ${text}, too old for Tulle`, `use 1.${recommendedMinor} or newer`)];
      const message = `this is Kubernetes ${text}: it works, without native sidecars and without being kept safe by anyone`;
      return [warning(message, `use 1.${recommendedMinor} or newer`)];
    },
  },
  {
    category,
    name: 'the clocks agree',
    judge: ({ clockAheadMs }) => {
      if (clockAheadMs === null) return { skipped: 'the time of the API server could not be asked for' };
      const skewMs = Math.abs(clockAheadMs);
      if (skewMs < noticeableSkewMs) return [];
      const message = `the clock of the API server is ${Math.round(skewMs / 1000)} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this one`;
      const hint = 'let all nodes keep their time by NTP: certificates are judged by it';
      return [skewMs < certificateSlackMs ? warning(message, hint) : error(message, hint)];
    },
  },
  {
    category,
    name: 'everything could be read',
    judge: ({ unreadable }) =>
      unreadable.map(({ what, why }) =>
        warning(
          `${what} could not be read: ${why}`,
          'use an account that may read it: what depends on it was not checked',
        ),
      ),
  },
];
