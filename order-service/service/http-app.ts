/**
 * The HTTP side that the three services share: JSON by zod schemas, OpenAPI at /openapi.json with a page at /docs, problem
 * documents for every failure, request and trace ids, a histogram of all requests, and the routes for operations.
 */
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import { Histogram, type Registry } from 'prom-client';
import { readCallContext, traceIdOf, type CallContext } from './call-context.ts';
import { encodeProblem, problemKinds, ProblemError } from './problem.ts';
import { toProblem } from './to-problem.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls, and under which trace. */
    call: CallContext;
  }
}

/** What the HTTP side is built of. `headers` go out with every answer. */
export type HttpAppParts = Readonly<{
  title: string;
  version: string;
  logger: Logger;
  registry: Registry;
  headers?: Readonly<Record<string, string>>;
}>;

/** A Fastify application as the three services use it. */
export type HttpApp = Awaited<ReturnType<typeof buildHttpApp>>;

const maxBodyBytes = 1_048_576;

/** An application without routes of its own. */
export async function buildHttpApp(parts: HttpAppParts) {
  const fastify = Fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true },
  });
  const app = fastify.withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('call');
  app.addHook('onRequest', async (request, reply) => {
    request.call = readCallContext(request.headers);
    reply.headers({ ...parts.headers, 'x-request-id': request.call.requestId });
  });
  // A body may be announced as JSON and be empty (a POST without payload): that is no body.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    parseJson(String(body), done);
  });
  observeRequests(app, parts.registry);
  app.setErrorHandler((error, request, reply) => sendProblem(parts.logger, toProblem(error), { request, reply }));
  app.setNotFoundHandler((request, reply) => {
    const problem = new ProblemError('not_found', `there is nothing at ${request.method} ${request.url}`);
    return sendProblem(parts.logger, problem, { request, reply });
  });
  const info = { title: parts.title, version: parts.version };
  await app.register(swagger, { openapi: { openapi: '3.1.0', info }, transform: jsonSchemaTransform });
  await app.register(swaggerUi, { routePrefix: '/docs' });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  return app;
}

/** Starts to listen; gives the port. */
export async function listen(app: HttpApp, where: Readonly<{ HOST: string; PORT: number }>): Promise<number> {
  const address = await app.listen({ host: where.HOST, port: where.PORT });
  return Number(new URL(address).port);
}

function parseJson(body: string, done: (error: Error | null, value?: unknown) => void): void {
  if (body === '') {
    done(null, undefined);
    return;
  }
  try {
    done(null, JSON.parse(body));
  } catch {
    done(new ProblemError('invalid_request', 'the body is not JSON'));
  }
}

type Exchange = Readonly<{ request: FastifyRequest; reply: FastifyReply }>;

function sendProblem(logger: Logger, problem: ProblemError, { request, reply }: Exchange): FastifyReply {
  const { status } = problemKinds[problem.code];
  const traceId = traceIdOf(request.call);
  if (status >= 500) {
    const { method } = request;
    logger.warn(
      { err: problem, method, route: request.routeOptions.url, code: problem.code, traceId },
      'request failed',
    );
  }
  const body = encodeProblem(problem, { instance: request.url, traceId });
  return reply
    .status(status)
    .headers(problem.headers)
    .header('content-type', 'application/problem+json')
    .serializer((payload: unknown) => JSON.stringify(payload))
    .send(body);
}

type Hooked = Readonly<{
  addHook(name: 'onResponse', hook: (request: FastifyRequest, reply: FastifyReply) => Promise<void>): unknown;
}>;

function observeRequests(app: Hooked, registry: Registry): void {
  const seconds = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from a request to its answer',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    seconds.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
}
