import { join } from 'node:path';
import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import type { EventStore } from '../../eventstore/event-store.ts';
import { addHealth } from './grpc-health.ts';
import { commandHandlers, type GrpcCommandParts } from './grpc-commands.ts';
import { queryHandlers, type GrpcQueryParts } from './grpc-queries.ts';
import { unary } from './grpc-calls.ts';

/** What the gRPC side serves. */
export type GrpcParts = GrpcCommandParts & GrpcQueryParts & Readonly<{ store: EventStore }>;

/** A gRPC server that listens. */
export type RunningGrpc = Readonly<{ port: number; close: () => Promise<void> }>;

/** How long calls under way may take once the server closes. */
const drainMs = 1000;

/** The definitions of `orders.v1` and of the health protocol: 64-bit numbers are strings of digits. */
export function loadOrdersProto(): PackageDefinition {
  const files = ['orders.proto', 'health.proto'].map((file) => join(import.meta.dirname, file));
  return loadSync(files, { longs: String, enums: String, defaults: true, oneofs: true });
}

/** Serves `orders.v1.OrderService`, health and reflection. */
export async function startGrpc(
  parts: GrpcParts,
  where: Readonly<{ host: string; port: number }>,
): Promise<RunningGrpc> {
  const server = new Server({ 'grpc.max_receive_message_length': 1_048_576 });
  const definitions = loadOrdersProto();
  const stopping = new AbortController();
  const handlers = Object.entries({ ...commandHandlers(parts), ...queryHandlers(parts).unary });
  server.addService(serviceIn(definitions, 'orders.v1.OrderService'), {
    ...Object.fromEntries(handlers.map(([name, handler]) => [name, unary(handler, parts.logger)])),
    WatchOrder: queryHandlers(parts).watch(stopping.signal),
  });
  addHealth(server, serviceIn(definitions, 'grpc.health.v1.Health'), stopping.signal);
  new ReflectionService(definitions).addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${where.host}:${where.port}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, close: () => close(server, stopping) };
}

async function close(server: Server, stopping: AbortController): Promise<void> {
  stopping.abort();
  const force = setTimeout(() => server.forceShutdown(), drainMs);
  await new Promise<void>((resolve) => {
    server.tryShutdown(() => resolve());
  });
  clearTimeout(force);
}

function serviceIn(definitions: PackageDefinition, name: string): ServiceDefinition {
  const definition = definitions[name];
  if (definition === undefined || 'format' in definition) throw new Error(`no service ${name} in the protos`);
  return definition;
}
