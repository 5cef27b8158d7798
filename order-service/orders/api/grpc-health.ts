import { status as grpcStatus, type Server, type ServiceDefinition, type ServerWritableStream } from '@grpc/grpc-js';

type Request = Readonly<{ service: string }>;
type Response = Readonly<{ status: 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN' }>;
type Reply = (error: Readonly<{ code: number; details: string }> | null, response?: Response) => void;

const served = new Set(['', 'orders.v1.OrderService']);

/** Adds `grpc.health.v1.Health`: serving until `stopping` aborts, which those who watch are told. */
export function addHealth(server: Server, definition: ServiceDefinition, stopping: AbortSignal): void {
  const statusNow = (): Response => ({ status: stopping.aborted ? 'NOT_SERVING' : 'SERVING' });
  server.addService(definition, {
    Check: ({ request }: Readonly<{ request: Request }>, reply: Reply) => {
      if (served.has(request.service)) reply(null, statusNow());
      else reply({ code: grpcStatus.NOT_FOUND, details: 'no such service' });
    },
    Watch: (call: ServerWritableStream<Request, Response>) => {
      if (!served.has(call.request.service)) call.write({ status: 'SERVICE_UNKNOWN' });
      else call.write(statusNow());
      const tell = () => {
        call.write(statusNow());
        call.end();
      };
      stopping.addEventListener('abort', tell, { once: true });
      call.on('cancelled', () => stopping.removeEventListener('abort', tell));
    },
  });
}
