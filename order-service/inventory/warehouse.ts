import { z } from 'zod';
import { defineEvents, type EventOf } from '../eventstore/codec.ts';
import { accept, refuse, type Decider, type Decision } from '../eventstore/decider.ts';

const text = z.string();
const lines = z.array(z.object({ sku: text, quantity: z.number().int() }));

const definitions = {
  StockReceived: { schema: 1, data: z.object({ sku: text, quantity: z.number().int() }) },
  StockReserved: { schema: 1, data: z.object({ reservationId: text, lines }) },
  ReservationConfirmed: { schema: 1, data: z.object({ reservationId: text }) },
  ReservationReleased: { schema: 1, data: z.object({ reservationId: text, lines }) },
} as const;

/** A fact of the warehouse. */
export type WarehouseEvent = EventOf<typeof definitions>;

/** Between the facts of the warehouse and the log. */
export const warehouseCodec = defineEvents(definitions);

/** So much of a sku. */
export type StockLine = Readonly<{ sku: string; quantity: number }>;

/** The stock of one sku: what may be reserved, what is held for orders, what has left. `received` is their sum. */
export type SkuStock = Readonly<{ free: number; reserved: number; sold: number }>;

/** How a reservation stands. */
export type Reservation = Readonly<{ status: 'reserved' | 'confirmed' | 'released'; lines: readonly StockLine[] }>;

/** The warehouse, folded from its facts: all stock, and the reservations, of which only the latest closed are kept. */
export type WarehouseState = Readonly<{
  stock: ReadonlyMap<string, SkuStock>;
  open: ReadonlyMap<string, Reservation>;
  closed: ReadonlyMap<string, Reservation>;
}>;

/** A command for the warehouse. `openingStock`: what a sku has that was never received. */
export type WarehouseCommand =
  | Readonly<{ kind: 'receive'; sku: string; quantity: number }>
  | Readonly<{ kind: 'reserve'; reservationId: string; lines: readonly StockLine[]; openingStock: number }>
  | Readonly<{ kind: 'confirm'; reservationId: string }>
  | Readonly<{ kind: 'release'; reservationId: string }>;

/** How many closed reservations are remembered, so that a late repeat of one is refused. */
const maxClosed = 1000;

/** The rules of the warehouse: a reservation gets all of its lines or none, and stock never falls below zero. */
export const warehouseDecider: Decider<WarehouseState, WarehouseCommand, WarehouseEvent> = {
  initial: { stock: new Map(), open: new Map(), closed: new Map() },
  decide: decideWarehouse,
  evolve: evolveWarehouse,
};

/** A reservation, when it is remembered. */
export function findReservation(state: WarehouseState, reservationId: string): Reservation | undefined {
  return state.open.get(reservationId) ?? state.closed.get(reservationId);
}

function decideWarehouse(state: WarehouseState, command: WarehouseCommand): Decision<WarehouseEvent> {
  switch (command.kind) {
    case 'receive':
      return accept({ type: 'StockReceived', data: { sku: command.sku, quantity: command.quantity } });
    case 'reserve':
      return reserve(state, command);
    case 'confirm': {
      const { reservationId } = command;
      const held = findReservation(state, reservationId);
      if (held === undefined) return refuse('not_found', 'there is no such reservation');
      if (held.status === 'confirmed') return accept();
      if (held.status === 'released') return refuse('reservation_state', 'the reservation was released');
      return accept({ type: 'ReservationConfirmed', data: { reservationId } });
    }
    case 'release': {
      const { reservationId } = command;
      const held = findReservation(state, reservationId);
      if (held?.status === 'released') return accept();
      // Also one that was never made: a late request for it must then be refused.
      return accept({ type: 'ReservationReleased', data: { reservationId, lines: [...(held?.lines ?? [])] } });
    }
  }
}

type Reserve = Extract<WarehouseCommand, { kind: 'reserve' }>;

function reserve(state: WarehouseState, command: Reserve): Decision<WarehouseEvent> {
  const { reservationId, openingStock } = command;
  const held = findReservation(state, reservationId);
  if (held?.status === 'released') return refuse('reservation_state', 'the reservation was released');
  if (held !== undefined) return accept();
  const wanted = [...Map.groupBy(command.lines, (line) => line.sku)].map(([sku, same]) => ({
    sku,
    quantity: same.reduce((sum, line) => sum + line.quantity, 0),
  }));
  const isNew = (sku: string) => openingStock > 0 && !state.stock.has(sku);
  const missing = wanted
    .map(({ sku, quantity }) => ({
      sku,
      wanted: quantity,
      free: isNew(sku) ? openingStock : (state.stock.get(sku)?.free ?? 0),
    }))
    .filter((line) => line.wanted > line.free);
  if (missing.length > 0) return refuse('out_of_stock', 'not enough stock', { missing });
  const opened = wanted
    .filter(({ sku }) => isNew(sku))
    .map(({ sku }): WarehouseEvent => ({ type: 'StockReceived', data: { sku, quantity: openingStock } }));
  return accept<WarehouseEvent>(...opened, { type: 'StockReserved', data: { reservationId, lines: wanted } });
}

const nothing: SkuStock = { free: 0, reserved: 0, sold: 0 };

function evolveWarehouse(state: WarehouseState, event: WarehouseEvent): WarehouseState {
  switch (event.type) {
    case 'StockReceived': {
      const { sku, quantity } = event.data;
      return { ...state, stock: move(state.stock, [{ sku, quantity }], (s, n) => ({ ...s, free: s.free + n })) };
    }
    case 'StockReserved': {
      const { reservationId, lines } = event.data;
      const stock = move(state.stock, lines, (s, n) => ({ ...s, free: s.free - n, reserved: s.reserved + n }));
      return { ...state, stock, open: new Map(state.open).set(reservationId, { status: 'reserved', lines }) };
    }
    case 'ReservationConfirmed': {
      const { reservationId } = event.data;
      const lines = findReservation(state, reservationId)?.lines ?? [];
      const stock = move(state.stock, lines, (s, n) => ({ ...s, reserved: s.reserved - n, sold: s.sold + n }));
      return { ...close(state, reservationId, { status: 'confirmed', lines }), stock };
    }
    case 'ReservationReleased': {
      const { reservationId, lines } = event.data;
      const wasConfirmed = findReservation(state, reservationId)?.status === 'confirmed';
      const stock = move(state.stock, lines, (s, n) =>
        wasConfirmed
          ? { ...s, free: s.free + n, sold: s.sold - n }
          : { ...s, free: s.free + n, reserved: s.reserved - n },
      );
      return { ...close(state, reservationId, { status: 'released', lines }), stock };
    }
  }
}

function move(
  stock: ReadonlyMap<string, SkuStock>,
  lines: readonly StockLine[],
  change: (stock: SkuStock, quantity: number) => SkuStock,
): ReadonlyMap<string, SkuStock> {
  const moved = new Map(stock);
  for (const { sku, quantity } of lines) moved.set(sku, change(moved.get(sku) ?? nothing, quantity));
  return moved;
}

function close(state: WarehouseState, reservationId: string, reservation: Reservation): WarehouseState {
  const open = new Map(state.open);
  open.delete(reservationId);
  const closed = new Map(state.closed);
  closed.delete(reservationId);
  closed.set(reservationId, reservation);
  const oldest = closed.keys().next().value;
  if (closed.size > maxClosed && oldest !== undefined) closed.delete(oldest);
  return { ...state, open, closed };
}
