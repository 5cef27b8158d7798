/**
 * The inventory service: reserves stock for an order, all of its lines or none, then confirms or releases it.
 *
 * In: HTTP, every change with an Idempotency-Key. Out: answers with `x-version`. The warehouse is one stream of facts.
 */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { buildHttpApp, listen } from '../service/http-app.ts';
import { addLogRoute } from '../service/log-route.ts';
import { openStore } from '../service/open-store.ts';
import { addOperations } from '../service/operations.ts';
import { stderrLogger, type RunningService } from '../service/run-service.ts';
import { Inventory } from './inventory.ts';
import { addInventoryRoutes } from './routes.ts';
import type { InventorySettings } from './settings.ts';

/** Starts inventory. */
export async function build(settings: InventorySettings): Promise<RunningService> {
  const version = settings.APP_VERSION;
  const logger = stderrLogger(`inventory-${version}`, settings.LOG_LEVEL);
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const opened = openStore(settings.DATA_DIR, 'inventory', settings.STORE_SYNC);
  const headers = { 'x-version': version };
  const app = await buildHttpApp({ title: 'Inventory', version, logger, registry, headers });
  addInventoryRoutes(app, new Inventory(opened.store), settings.OPENING_STOCK);
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
