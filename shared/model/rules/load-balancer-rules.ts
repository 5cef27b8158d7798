import type { Field } from './field.ts';
import { checkLocalities } from './locality-rules.ts';
import type { Report } from './report.ts';
import { checkDuration } from './scalar-rules.ts';

const maxTableSize = 5_000_011;

/** Istio's rules for `loadBalancer`. */
export function checkLoadBalancer(settings: Field, hasOutlierDetection: boolean, report: Report): void {
  checkConsistentHash(settings.get('consistentHash'), report);
  checkLocalities(settings.get('localityLbSetting'), hasOutlierDetection, report);
  checkDuration(settings.get('warmupDurationSecs'), report);
  const warmup = settings.get('warmup');
  checkDuration(warmup.get('duration'), report);
  if (warmup.isSet && settings.get('warmupDurationSecs').isSet)
    report.error(settings.get('warmupDurationSecs'), 'only one of warmup or warmupDurationSecs can be set');
}

function checkConsistentHash(hash: Field, report: Report): void {
  const cookie = hash.get('httpCookie');
  if (cookie.isSet && cookie.get('name').text === '') report.error(cookie.get('name'), 'name required for HttpCookie');
  checkTtl(cookie.get('ttl'), report);
  const minimum = hash.get('minimumRingSize');
  if (minimum.number !== 0) {
    report.warn(minimum, 'deprecated, use ringHash.minimumRingSize instead');
    if (hash.get('ringHash').isSet || hash.get('maglev').isSet)
      report.error(minimum, 'only one of minimumRingSize or maglev/ringHash can be specified');
  }
  if (hash.get('maglev').isSet) checkTableSize(hash.at('maglev', 'tableSize'), report);
}

/** The life of a cookie may be zero: then it is a session cookie. */
function checkTtl(ttl: Field, report: Report): void {
  if (!/^0(?:ns|us|µs|ms|s|m|h)?$/.test(ttl.text)) checkDuration(ttl, report);
}

function checkTableSize(size: Field, report: Report): void {
  if (size.number === 0) report.error(size, 'tableSize must be set for maglev');
  else if (size.number >= maxTableSize) report.error(size, `tableSize must be less than ${maxTableSize} for maglev`);
  else if (!isPrime(size.number)) report.error(size, 'tableSize must be a prime number for maglev');
}

function isPrime(value: number): boolean {
  if (!Number.isInteger(value) || value < 1) return false;
  for (let factor = 2; factor * factor <= value; factor++) {
    if (value % factor === 0) return false;
  }
  return true;
}
