/** The flags of the sidecar: their names, and what `--help` says of them. */
import { parseArgs } from 'node:util';
import { dnsOptions, dnsUsage } from './dns.ts';

const options = {
  'config-path': { type: 'string', short: 'c' },
  compat: { type: 'string' },
  pod: { type: 'boolean' },
  'control-plane': { type: 'string' },
  'ca-cert': { type: 'string' },
  token: { type: 'string' },
  'token-file': { type: 'string' },
  name: { type: 'string' },
  namespace: { type: 'string' },
  'service-account': { type: 'string' },
  labels: { type: 'string' },
  ip: { type: 'string' },
  locality: { type: 'string' },
  interception: { type: 'string' },
  inbound: { type: 'string', multiple: true },
  'http-proxy-port': { type: 'string' },
  ...dnsOptions,
  register: { type: 'boolean' },
  probe: { type: 'string' },
  'trust-domain': { type: 'string' },
  'no-disk-cache': { type: 'boolean' },
  'data-dir': { type: 'string' },
  'certificate-ttl-seconds': { type: 'string' },
  admin: { type: 'string' },
  readiness: { type: 'string' },
  status: { type: 'string' },
  metrics: { type: 'string' },
  'drain-seconds': { type: 'string' },
  'termination-seconds': { type: 'string' },
  'end-with-application': { type: 'boolean' },
  'upgrade-seconds': { type: 'string' },
  'upgrade-drain-seconds': { type: 'string' },
  'log-level': { type: 'string' },
  transport: { type: 'string' },
  concurrency: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What `--help` prints. */
export const usage = `sidecar --control-plane HOST:PORT --ca-cert FILE --token TOKEN --name NAME [flags]
sidecar --pod [--control-plane HOST:PORT] [flags]
sidecar --config-path FILE [flags]
sidecar wait|drain [--help]   in a pod: until it is ready; before it ends

  --config-path FILE          static listeners and clusters of an Envoy bootstrap file, YAML or JSON
  --compat tulle|istio        whose defaults hold for a bootstrap file (default istio: as Envoy)
  --control-plane HOST:PORT   xDS and certificates over TLS
  --ca-cert FILE              root that the control plane's certificate is judged by
  --token TOKEN, --token-file FILE   join token (environment: TULLE_TOKEN)
  --name, --namespace, --service-account   who this workload is
  --labels JSON|a=b,c=d       its labels
  --ip ADDRESS                its address (default 127.0.0.1)
  --locality REGION/ZONE/SUBZONE
  --pod                       who this workload is, its token and the root come from the environment and the files that the injector
                              gives the container (docs/pod.md)
  --interception REDIRECT|TPROXY|NONE   rules of the kernel lead to 15001 and 15006, or explicit ports and an HTTP proxy (default
                              REDIRECT)
  --inbound [NAME=]APP:LISTEN take the traffic of application port APP at port LISTEN; NAME: the name of the service port that it
                              serves, for services whose targetPort is not APP (may be given several times)
  --http-proxy-port PORT      HTTP proxy for the application's calls on 127.0.0.1 (default 15001; with --interception NONE)
${dnsUsage}  --register                  become a WorkloadEntry while connected (environment: AUTO_REGISTER_GROUP names a WorkloadGroup)
  --probe http:PORT/PATH|tcp:PORT|grpc:PORT   how to ask the application's health
  --data-dir DIR, --no-disk-cache   certificate and last good configuration survive a restart there (environment: TULLE_DATA_DIR)
  --admin HOST:PORT           admin port (default 127.0.0.1:15000)
  --readiness HOST:PORT       /healthz/ready (default 0.0.0.0:15021)
  --status HOST:PORT          readiness, own metrics with the application's, its probes, drain and end (with --pod 0.0.0.0:15020)
  --metrics HOST:PORT         own metrics alone (with --pod 0.0.0.0:15090)
  --drain-seconds N           time after SIGTERM in which inbound connections are still taken (default 5)
  --termination-seconds N     with --pod: the termination grace period of the pod, before whose end it ends (default 30)
  --end-with-application      with --pod and shareProcessNamespace: ends when the other containers have, for jobs (environment:
                              TULLE_END_WITH_APPLICATION=true)
  --upgrade-seconds N         time for a successor (SIGUSR2, POST /upgrade) to serve; else this process goes on (default 30)
  --upgrade-drain-seconds N   time that open connections have after that (default 600)
  --log-level LEVEL           trace, debug, info, warn, error (default info)
  --transport direct|streams  connections on Node's socket handles, or on its documented streams only (default direct, where that
                              works; environment: TULLE_TRANSPORT)
  --concurrency N             threads that carry traffic; 0: one for each processor (default 1, or 2 where more than one processor may
                              be used; environment: TULLE_CONCURRENCY)
`;

const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;

/** Flags as they were given. */
export type Flags = ReturnType<typeof parse>;

/** Reads flags; throws for one that is not known. */
export function parseFlags(args: readonly string[]): Flags {
  return parse(args);
}
