/**
 * Stand-ins for the four services of bookinfo: `bookinfo.ts SERVICE VERSION`, on port 9080. They call each other by the same names, pass on
 * the same headers, and answer with the same JSON; only the pages have no pictures.
 */
import { createServer, get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

const [service = '', version = ''] = process.argv.slice(2);
const forwarded = [
  'x-request-id',
  'end-user',
  'user-agent',
  'cookie',
  'authorization',
  'traceparent',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-sampled',
];

type Answer = Readonly<{ status: number; body: unknown }>;
type Handler = (url: URL, headers: IncomingHttpHeaders) => Promise<Answer> | Answer;

const ratings: Handler = ({ pathname }) => ({
  status: 200,
  body: { id: Number(pathname.split('/')[2] ?? 0), ratings: { Reviewer1: 5, Reviewer2: 4 } },
});

const details: Handler = ({ pathname }) => ({
  status: 200,
  body: {
    id: Number(pathname.split('/')[2] ?? 0),
    author: 'William Shakespeare',
    year: 1595,
    type: 'paperback',
    pages: 200,
  },
});

/** v1 has no stars; v2 has black, v3 red ones. */
const reviews: Handler = async ({ pathname }, headers) => {
  const id = pathname.split('/')[2] ?? '0';
  const stars = version === 'v1' ? undefined : await call(`http://ratings:9080/ratings/${id}`, headers);
  const rating = (reviewer: string) => {
    if (stars === undefined) return {};
    if (stars.status !== 200) return { rating: { error: 'Ratings service is currently unavailable' } };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the ratings service above
    const { ratings } = stars.body as { ratings: Record<string, number> };
    return { rating: { stars: ratings[reviewer], color: version === 'v2' ? 'black' : 'red' } };
  };
  const reviewers = ['Reviewer1', 'Reviewer2'].map((reviewer) => ({
    reviewer,
    text: 'A comedy.',
    ...rating(reviewer),
  }));
  return { status: 200, body: { id, podname: process.env['HOSTNAME'], clustername: 'null', reviews: reviewers } };
};

const productpage: Handler = async ({ pathname }, headers) => {
  const [, , version1, , id = '0', part] = pathname.split('/');
  if (pathname === '/productpage' || version1 !== 'v1') {
    const [detail, review] = await Promise.all([
      call('http://details:9080/details/0', headers),
      call('http://reviews:9080/reviews/0', headers),
    ]);
    return { status: 200, body: { details: detail, reviews: review } };
  }
  if (part === undefined) return call(`http://details:9080/details/${id}`, headers);
  return call(`http://${part}:9080/${part}/${id}`, headers);
};

function call(url: string, headers: IncomingHttpHeaders): Promise<Answer> {
  const passed = Object.fromEntries(
    forwarded.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
  return new Promise((resolve) => {
    const failed = (error: Error) => resolve({ status: 500, body: { error: error.message } });
    get(url, { headers: passed, timeout: 10_000 }, (response: IncomingMessage) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body: parsed(body) }), failed);
    }).on('error', failed);
  });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return { error: body };
  }
}

const handlers: Readonly<Record<string, Handler>> = { ratings, details, reviews, productpage };
const handler = handlers[service];
if (handler === undefined) throw new Error(`no service ${service}`);

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://bookinfo');
  if (url.pathname === '/health') return response.end('{"status":"healthy"}');
  Promise.resolve(handler(url, request.headers)).then(
    ({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    },
    () => response.writeHead(500).end(),
  );
});
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
server.listen(9080);
