import { z } from 'zod';
import type { NewEvent } from './event-store.ts';

/** One event type: its current schema number, the shape of its data, and how to lift data of each older schema by one. */
export type EventDefinition = Readonly<{
  schema: number;
  data: z.ZodType;
  upcast?: Readonly<Record<number, (data: Record<string, unknown>) => Record<string, unknown>>>;
}>;

/** The union of the events that a table of definitions describes. */
export type EventOf<Definitions extends Record<string, EventDefinition>> = {
  [Type in keyof Definitions & string]: Readonly<{ type: Type; data: z.output<Definitions[Type]['data']> }>;
}[keyof Definitions & string];

/** Any event of a domain. */
export type DomainEvent = Readonly<{ type: string; data: unknown }>;

/** An event whose data does not have the shape that its type and schema promise. */
export class CorruptEventError extends Error {
  constructor(type: string, schema: number, options?: ErrorOptions) {
    super(`the data of event ${type}.${schema} is not what that schema says`, options);
    this.name = 'CorruptEventError';
  }
}

/**
 * Between a domain's events and what the log holds. Old schemas are lifted on read and never rewritten. A type this program
 * does not know, or a newer schema it cannot read, is `undefined`: an older version shares the log with a newer one during
 * a canary, and must pass over what it cannot know.
 */
export class EventCodec<E extends DomainEvent> {
  readonly #definitions: ReadonlyMap<string, EventDefinition>;

  constructor(definitions: Record<string, EventDefinition>) {
    this.#definitions = new Map(Object.entries(definitions));
  }

  /** What to append for an event: always of the current schema. */
  encode(event: E): Pick<NewEvent, 'type' | 'schema' | 'data'> {
    const definition = this.#definitions.get(event.type);
    if (definition === undefined) throw new Error(`no definition for event ${event.type}`);
    return { type: event.type, schema: definition.schema, data: z.encode(definition.data, event.data) };
  }

  /** The event that was recorded, or undefined when this program cannot know it. */
  decode(recorded: Pick<NewEvent, 'type' | 'schema' | 'data'>): E | undefined {
    const definition = this.#definitions.get(recorded.type);
    if (definition === undefined) return undefined;
    const lifted = lift(definition, recorded.schema, recorded.data);
    const parsed = z.safeDecode(definition.data, lifted);
    // The definitions and E are made from the same table, so the parsed data is of the member of E with this type.
    if (parsed.success) return { type: recorded.type, data: parsed.data } as E;
    if (recorded.schema > definition.schema) return undefined;
    throw new CorruptEventError(recorded.type, recorded.schema, { cause: parsed.error });
  }
}

/** A codec whose events are the union that the table describes. */
export function defineEvents<Definitions extends Record<string, EventDefinition>>(
  definitions: Definitions,
): EventCodec<EventOf<Definitions>> {
  return new EventCodec<EventOf<Definitions>>(definitions);
}

function lift(definition: EventDefinition, schema: number, data: unknown): unknown {
  let lifted = data;
  for (let from = schema; from < definition.schema; from++) {
    const step = definition.upcast?.[from];
    if (step === undefined || typeof lifted !== 'object' || lifted === null) return lifted;
    lifted = step({ ...lifted });
  }
  return lifted;
}
