/** Asks the application's health, as a WorkloadGroup's probe would: HTTP 2xx or 3xx, a TCP connection, or gRPC health. */
import type { Clock } from '#shared/runtime/clock.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { askGrpcHealth, serving } from './probing/ask-grpc.ts';
import { askHttp } from './probing/ask-http.ts';
import { askTcp } from './probing/ask-tcp.ts';
import type { Probe } from './snapshot/listener.ts';

/** Probes for ever; `tell` hears of the first result and of every change. Returns how to stop. */
export function startProbe(
  target: Probe,
  clock: Clock,
  tell: (isHealthy: boolean, message: string) => void,
): () => void {
  let isStopped = false;
  let state: ProbeState = { told: null, failures: 0, successes: 0 };
  let cancel: () => void = () => undefined;
  const look = async () => {
    const problem = await ask(target);
    if (isStopped) return;
    const [next, verdict] = judgeProbe(state, problem, target);
    state = next;
    if (verdict !== null) tell(verdict, problem ?? '');
    cancel = clock.after(target.periodMs, () => void look());
  };
  cancel = clock.after(target.initialDelayMs, () => void look());
  return () => {
    isStopped = true;
    cancel();
  };
}

/** What was told last (null: nothing yet), and how many results of one kind came since. */
export type ProbeState = Readonly<{ told: boolean | null; failures: number; successes: number }>;

/** One result: the next state, and the health to tell if it changed. The first result is told at once. */
export function judgeProbe(
  state: ProbeState,
  problem: string | null,
  limits: Pick<Probe, 'failureThreshold' | 'successThreshold'>,
): [ProbeState, boolean | null] {
  const isHealthy = problem === null;
  const successes = isHealthy ? state.successes + 1 : 0;
  const failures = isHealthy ? 0 : state.failures + 1;
  const isCertain =
    state.told === null || (isHealthy ? successes >= limits.successThreshold : failures >= limits.failureThreshold);
  if (!isCertain || state.told === isHealthy) return [{ told: state.told, failures, successes }, null];
  return [{ told: isHealthy, failures, successes }, isHealthy];
}

/** Null when healthy, else what is wrong. */
async function ask(target: Probe): Promise<string | null> {
  const { port, path, headers, service, timeoutMs } = target;
  const host = '127.0.0.1';
  try {
    switch (target.kind) {
      case 'http': {
        const { status } = await askHttp({ host, port, path, headers, timeoutMs, maxBytes: 0 });
        return status >= 200 && status < 400 ? null : `${path} answered ${status}`;
      }
      case 'tcp':
        await askTcp({ host, port, timeoutMs });
        return null;
      case 'grpc': {
        const status = await askGrpcHealth({ host, port, service, timeoutMs });
        return status === serving ? null : `gRPC health status ${status}`;
      }
    }
  } catch (error) {
    return describeError(error);
  }
}
