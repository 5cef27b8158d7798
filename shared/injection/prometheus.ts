import { annotationsOf, type Container, type Pod } from './pod.ts';
import { setVariable } from './probes.ts';
import { metricsVariable } from './proxy-environment.ts';

/**
 * Prometheus finds one port of a pod: the sidecar's, which gives its own metrics and those that the application's annotations point at
 * (kept in ISTIO_PROMETHEUS_ANNOTATIONS; Istio: applyPrometheusMerge, pkg/kube/inject/webhook.go).
 */

const path = '/stats/prometheus';
const parts = ['scrape', 'path', 'port'] as const;

/** As Prometheus sees names: everything but letters and digits is the same. */
const canonical = (name: string) => name.replaceAll(/[^a-zA-Z0-9_]/g, '_');

type Scrape = Readonly<Record<(typeof parts)[number], string>>;

/**
 * Points the pod's annotations at the sidecar, unless the pod is not to be scraped or points there already. The sidecar is told what they
 * said before; what it was told an earlier time is forgotten.
 */
export function mergeMetrics(pod: Pod, proxy: Container, statusPort: number): void {
  const scrape = scrapeOf(annotationsOf(pod));
  const isOff = /^(0|f|false)$/i.test(scrape.scrape) || scrape.port === String(statusPort);
  const isSaid = !isOff && Object.values(scrape).some((value) => value !== '');
  setVariable(proxy, metricsVariable, isSaid ? JSON.stringify(scrape) : null);
  if (!isOff) setAnnotations(pod, ours(statusPort));
}

/** Undoes {@link mergeMetrics}, as far as the sidecar knows what was there. */
export function restoreMetrics(pod: Pod, proxy: Container | undefined): void {
  const now = scrapeOf(annotationsOf(pod));
  if (now.path !== path || now.scrape !== 'true') return;
  const text = proxy?.env?.find(({ name }) => name === metricsVariable)?.value;
  const port = statusPortOf(proxy);
  if (now.port !== port) return;
  setAnnotations(pod, readScrape(text));
}

const ours = (port: number): Scrape => ({ scrape: 'true', path, port: String(port) });

/** The status port that a sidecar was started with. */
function statusPortOf(proxy: Container | undefined): string {
  const args = proxy?.args ?? [];
  const at = args.indexOf('--status');
  return at < 0 ? '15020' : (args[at + 1]?.split(':').at(-1) ?? '');
}

function readScrape(text: string | undefined): Scrape {
  const nothing = { scrape: '', path: '', port: '' };
  try {
    const value = JSON.parse(text ?? '{}') as Partial<Scrape>;
    return Object.values(value).every((one) => typeof one === 'string') ? { ...nothing, ...value } : nothing;
  } catch {
    // What somebody else wrote there is nothing to go back to.
    return nothing;
  }
}

function scrapeOf(annotations: Readonly<Record<string, string>>): Scrape {
  const values = { scrape: '', path: '', port: '' };
  for (const [name, value] of Object.entries(annotations)) {
    const part = parts.find((one) => canonical(name) === `prometheus_io_${one}`);
    if (part !== undefined) values[part] = value;
  }
  return values;
}

function setAnnotations(pod: Pod, scrape: Scrape): void {
  const others = Object.entries(annotationsOf(pod)).filter(
    ([name]) => !parts.some((part) => canonical(name) === `prometheus_io_${part}`),
  );
  const own = parts
    .filter((part) => scrape[part] !== '')
    .map((part) => [`prometheus.io/${part}`, scrape[part]] as const);
  pod.metadata = { ...pod.metadata, annotations: Object.fromEntries([...others, ...own]) };
}
