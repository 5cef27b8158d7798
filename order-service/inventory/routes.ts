import { z } from 'zod';
import { requireKey } from '../service/commands.ts';
import type { HttpApp } from '../service/http-app.ts';
import { ProblemError, problemShape } from '../service/problem.ts';
import { requireDone } from '../service/to-problem.ts';
import type { Inventory } from './inventory.ts';
import { findReservation } from './warehouse.ts';

const sku = z.string().min(1).max(64);
const quantity = z.number().int().min(1).max(1_000_000_000);
const reservationId = z.string().min(1).max(100);
const line = z.object({ sku, quantity });
const byId = z.object({ reservationId });

const reservationShape = z
  .object({ reservationId, status: z.enum(['reserved', 'confirmed', 'released']), lines: z.array(line) })
  .meta({ title: 'Reservation' });

const count = z.number().int();
const stockShape = z.object({ sku, free: count, reserved: count, sold: count }).meta({ title: 'Stock' });

const failures = { '4xx': problemShape, '5xx': problemShape };
const tags = ['inventory'];
const stockPath = '/stock';
const reservationsPath = '/reservations';

/** Adds the routes of inventory. Each change needs an Idempotency-Key; the same key always gets the same answer. */
export function addInventoryRoutes(app: HttpApp, inventory: Inventory, openingStock: number): void {
  addReservationRoutes(app, inventory, openingStock);

  const receiveSchema = {
    tags,
    params: z.object({ sku }),
    body: z.object({ quantity }),
    response: { 200: stockShape, ...failures },
  };
  app.post(`${stockPath}/:sku/receipts`, { schema: receiveSchema }, async (request) => {
    const { params, body, headers, call } = request;
    const identity = { key: requireKey(headers['idempotency-key']), call };
    const outcome = await inventory.execute(`sku ${params.sku}`, { kind: 'receive', ...params, ...body }, identity);
    const stock = requireDone(outcome, 'sku').state.stock.get(params.sku);
    return { sku: params.sku, free: 0, reserved: 0, sold: 0, ...stock };
  });

  const readSchema = { tags, params: z.object({ sku }), response: { 200: stockShape, ...failures } };
  app.get(`${stockPath}/:sku`, { schema: readSchema }, async (request) => {
    const stock = (await inventory.state()).stock.get(request.params.sku);
    if (stock === undefined) throw new ProblemError('not_found', 'nothing of this sku was ever received');
    return { sku: request.params.sku, ...stock };
  });

  const allSchema = {
    tags: ['admin'],
    response: { 200: z.object({ stock: z.array(stockShape), openReservations: count }) },
  };
  app.get('/admin/stock', { schema: allSchema }, async () => {
    const { stock, open } = await inventory.state();
    return { stock: [...stock].map(([sku, held]) => ({ sku, ...held })), openReservations: open.size };
  });
}

function addReservationRoutes(app: HttpApp, inventory: Inventory, openingStock: number): void {
  const body = z.object({ reservationId, lines: z.array(line).min(1).max(100) });
  const reserveSchema = { tags, body, response: { 201: reservationShape, ...failures } };
  app.post(reservationsPath, { schema: reserveSchema }, async (request, reply) => {
    const { reservationId: id, lines } = request.body;
    const identity = { key: requireKey(request.headers['idempotency-key']), call: request.call };
    const command = { kind: 'reserve', reservationId: id, lines, openingStock } as const;
    const { state } = requireDone(await inventory.execute(id, command, identity), 'reservation');
    const reservation = findReservation(state, id);
    return reply
      .status(201)
      .header('location', `/reservations/${id}`)
      .send({
        reservationId: id,
        status: reservation?.status ?? 'reserved',
        lines: [...(reservation?.lines ?? lines)],
      });
  });

  const readSchema = { tags, params: byId, response: { 200: reservationShape, ...failures } };
  app.get(`${reservationsPath}/:reservationId`, { schema: readSchema }, async (request) => {
    const id = request.params.reservationId;
    const reservation = findReservation(await inventory.state(), id);
    if (reservation === undefined) throw new ProblemError('not_found', 'there is no such reservation');
    return { reservationId: id, status: reservation.status, lines: [...reservation.lines] };
  });

  for (const kind of ['confirm', 'release'] as const) {
    const schema = { tags, params: byId, response: { 200: reservationShape, ...failures } };
    app.post(`${reservationsPath}/:reservationId/${kind}`, { schema }, async (request) => {
      const id = request.params.reservationId;
      const identity = { key: requireKey(request.headers['idempotency-key']), call: request.call };
      const outcome = await inventory.execute(id, { kind, reservationId: id }, identity);
      const reservation = findReservation(requireDone(outcome, 'reservation').state, id);
      const status = reservation?.status ?? (kind === 'confirm' ? 'confirmed' : 'released');
      return { reservationId: id, status, lines: [...(reservation?.lines ?? [])] };
    });
  }
}
