/**
 * The payments service: authorizes, captures, voids and refunds, each payment a stream of facts.
 *
 * In: HTTP, every change with an Idempotency-Key. Out: answers with `x-version`, which tells the version that answered.
 * Versions v1 and v2 may run side by side on one file: the log decides, so a key used at both is carried out once.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { buildHttpApp, listen } from '../service/http-app.ts';
import { addLogRoute } from '../service/log-route.ts';
import { openStore } from '../service/open-store.ts';
import { addOperations } from '../service/operations.ts';
import { stderrLogger, type RunningService } from '../service/run-service.ts';
import { addChaos } from './chaos.ts';
import { Payments } from './payments.ts';
import { addPaymentRoutes } from './routes.ts';
import type { PaymentsSettings } from './settings.ts';

/** Starts payments. `random` (from 0 to 1) decides which requests the faults hit. */
export async function build(settings: PaymentsSettings, random: () => number = Math.random): Promise<RunningService> {
  const version = settings.APP_VERSION;
  const logger = stderrLogger(`payments-${version}`, settings.LOG_LEVEL);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const opened = openStore(settings.DATA_DIR, 'payments', settings.STORE_SYNC);
  const headers = { 'x-version': version };
  const app = await buildHttpApp({ title: 'Payments', version, logger, registry, headers });
  const chaos = {
    failRate: settings.PAY_FAIL_RATE,
    dropAfterCommit: settings.PAY_DROP_AFTER_COMMIT,
    latencyMs: settings.PAY_LATENCY_MS,
  };
  addChaos(app, chaos, random);
  addPaymentRoutes(app, new Payments({ store: opened.store, version, limitMinor: settings.PAY_LIMIT_MINOR }));
  addLogRoute(app, opened.store);
  addOperations(app, registry, { store: async () => void (await opened.store.head()) });
  const http = await listen(app, settings);
  return {
    ports: { http },
    close: async () => {
      await app.close();
      await opened.close();
    },
  };
}
