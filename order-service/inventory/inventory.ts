import { setTimeout as delay } from 'node:timers/promises';
import { Aggregate, type CommandOutcome } from '../eventstore/aggregate.ts';
import type { EventStore } from '../eventstore/event-store.ts';
import type { CallContext } from '../service/call-context.ts';
import { MetaSource } from '../service/commands.ts';
import {
  warehouseCodec,
  warehouseDecider,
  type WarehouseCommand,
  type WarehouseEvent,
  type WarehouseState,
} from './warehouse.ts';

/** Which request it is, and on whose behalf. */
export type RequestRef = Readonly<{ key: string; call: CallContext }>;

const stream = 'warehouse-main';

/**
 * The stock of one warehouse: one stream, so that a reservation of many skus is one fact and cannot be made by halves. The
 * folded state is kept in memory and only the tail of the stream is read for each command.
 */
export class Inventory {
  readonly #aggregate: Aggregate<WarehouseState, WarehouseCommand, WarehouseEvent>;
  readonly #meta = new MetaSource('inventory');

  constructor(store: EventStore) {
    this.#aggregate = new Aggregate({
      store,
      codec: warehouseCodec,
      decider: warehouseDecider,
      cachedStreams: 1,
      pause: (attempt) => delay(Math.random() * 5 * attempt),
    });
  }

  /** Carries out a command once for each key. `scope`: what the key is for, such as one reservation. */
  execute(
    scope: string,
    command: WarehouseCommand,
    { key, call }: RequestRef,
  ): Promise<CommandOutcome<WarehouseState>> {
    const identity = { scope: `${stream}\n${scope}`, key, operation: `inventory.${command.kind}`, payload: command };
    return this.#aggregate.execute({ stream, command, meta: this.#meta.of(identity, call) });
  }

  /** The warehouse as it is now. */
  async state(): Promise<WarehouseState> {
    return (await this.#aggregate.load(stream)).state;
  }
}
