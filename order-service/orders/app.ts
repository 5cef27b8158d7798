/**
 * The order service: places orders and brings them to an end.
 *
 *   REST, gRPC --> Orders (decide, append) --> event store --> projections: orders@1, search@1 --> OrderQueries
 *                        |                          \--> fulfilment@1 --> saga --> inventory, payments
 *                      PayOrder --> payments
 *
 * In: HTTP and gRPC. Out: answers, and calls to payments and inventory by plain HTTP. It knows nothing of a mesh: where
 * those calls go is its environment's to say. The log is the only truth; views and work list can be built again from it.
 */
import { openStore, type OpenStore } from '../service/open-store.ts';
import { SqliteSink, type SqliteView } from '../eventstore/sqlite/sqlite-sink.ts';
import { buildHttpApp, listen } from '../service/http-app.ts';
import { addLogRoute } from '../service/log-route.ts';
import { addOperations } from '../service/operations.ts';
import { stderrLogger, type RunningService } from '../service/run-service.ts';
import type { Logger } from 'pino';
import { addAdminRoutes } from './api/admin-routes.ts';
import { addCommandRoutes } from './api/command-routes.ts';
import { addQueryRoutes } from './api/query-routes.ts';
import { startGrpc } from './api/grpc-server.ts';
import { HttpInventory } from './app/inventory-gateway.ts';
import { OrderQueries } from './app/order-queries.ts';
import { Orders } from './app/orders.ts';
import { PayOrder } from './app/pay.ts';
import { HttpPayments } from './app/payments-gateway.ts';
import { ViewAudit } from './app/view-audit.ts';
import { OrdersMetrics } from './metrics.ts';
import { orderProjection, workProjection } from './projections/orders-projections.ts';
import { SqliteOrderSearch } from './readmodel/sqlite-order-search.ts';
import { SqliteOrderViews } from './readmodel/sqlite-order-views.ts';
import { Fulfilment } from './saga/fulfilment.ts';
import { SqliteWorkList } from './saga/work-list.ts';
import type { OrdersSettings } from './settings.ts';

/** How long requests under way may take once the service stops, before the calls that they wait for are given up. */
const drainMs = 1000;
/** How old the oldest event missing from a view may be while the service counts as ready. */
const maxLagMs = 10_000;

/** Starts orders. */
export async function build(settings: OrdersSettings): Promise<RunningService> {
  const version = settings.APP_VERSION;
  const logger = stderrLogger(`orders-${version}`, settings.LOG_LEVEL);
  const opened = openStore(settings.DATA_DIR, 'orders', settings.STORE_SYNC);
  const core = buildCore(settings, opened, logger);
  const { metrics, orders, pay, queries, projections, saga } = core;
  const { registry } = metrics;
  const app = await buildHttpApp({ title: 'Orders', version, logger, registry, headers: { 'x-version': version } });
  const now = () => new Date();
  addCommandRoutes(app, { orders, pay, isIfMatchRequired: settings.REQUIRE_IF_MATCH, now });
  addQueryRoutes(app, queries);
  addAdminRoutes(app, core);
  addLogRoute(app, core.store);
  const behind = () => projections.find((projection) => projection.lagMs > maxLagMs);
  addOperations(app, registry, {
    store: async () => void (await core.store.head()),
    projections: async () => (behind() === undefined ? undefined : `${behind()?.name} is behind`),
  });
  for (const projection of projections) projection.start();
  saga.start();
  const grpc = await startGrpc({ ...core, now, logger }, { host: settings.HOST, port: settings.GRPC_PORT });
  const http = await listen(app, settings);
  return {
    ports: { http, grpc: grpc.port },
    close: async () => {
      const giveUp = setTimeout(() => core.stopCalls(), drainMs);
      await Promise.all([app.close(), grpc.close()]);
      core.stopCalls();
      await saga.stop();
      for (const projection of projections) await projection.stop();
      clearTimeout(giveUp);
      await opened.close();
    },
  };
}

function buildCore(settings: OrdersSettings, opened: OpenStore, logger: Logger) {
  const database = opened.views;
  const metrics = new OrdersMetrics();
  const store = metrics.counting(opened.store);
  const stopping = new AbortController();
  const onError = (error: unknown) => logger.error({ err: error }, 'background work failed');
  const counting = { onConflict: (retried: boolean) => metrics.conflict(retried), onReplay: () => metrics.replay() };
  const orders = new Orders({ store, version: settings.APP_VERSION, ...counting });
  const payments = new HttpPayments(settings.PAYMENTS_URL, settings.PAYMENTS_TIMEOUT_MS, stopping.signal);
  const inventory = new HttpInventory(settings.INVENTORY_URL, settings.INVENTORY_TIMEOUT_MS, stopping.signal);
  const views = new SqliteOrderViews(database);
  const search = new SqliteOrderSearch(database);
  const work = new SqliteWorkList(database);
  const [isAutoComplete, now] = [settings.AUTO_COMPLETE, Date.now];
  const saga = new Fulfilment({
    orders,
    payments,
    inventory,
    work,
    now,
    isAutoComplete,
    onError,
    concurrency: settings.SAGA_CONCURRENCY,
    onStep: (step, result, error) => {
      metrics.sagaStep(step, result);
      if (error !== undefined) logger.warn({ err: error, step }, 'a step of the saga failed');
    },
  });
  const source = { store, orders, onError };
  const sinkOf = <Doc>(name: string, view: SqliteView<Doc>) => new SqliteSink(database, name, view);
  const viewFollower = orderProjection(source, 'orders@1', sinkOf('orders@1', views));
  const searchFollower = orderProjection(source, 'search@1', sinkOf('search@1', search));
  const { PAYMENT_RESOLVE_AFTER_MS: resolveAfterMs } = settings;
  const rules = { isAutoComplete, now, resolveAfterMs, wake: () => saga.wake() };
  const workFollower = workProjection(source, sinkOf('fulfilment@1', work), rules);
  const projections = [viewFollower, searchFollower, workFollower];
  metrics.watchProjections(projections);
  return {
    metrics,
    store,
    orders,
    saga,
    work,
    projections,
    pay: new PayOrder(orders, payments),
    queries: new OrderQueries({ orders, views, search, viewFollower, searchFollower }),
    audit: new ViewAudit({ store, orders, views, follower: viewFollower }),
    stopCalls: () => stopping.abort(),
  };
}
