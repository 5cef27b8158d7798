/** The request that is smuggled when its body is not framed: HTTP/2 with a body and without content-length, whatever its method. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Http2Talk } from './clients.ts';
import { framesOf, type Http2Request } from './http2-requests.ts';
import { World } from './world.ts';

const smuggled = 'GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n';

describe('an HTTP/2 request with a body and without content-length', () => {
  let world: World;
  let talk: Http2Talk;
  before(async () => {
    world = await World.start(1);
    talk = new Http2Talk(world.lanes[0]?.down ?? 0);
  });
  after(async () => {
    await talk?.close();
    await world?.close();
  });

  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'POST', 'PUT', 'PATCH', 'M-SEARCH', 'PURGE'])
    for (const end of ['data', 'trailers'] as const)
      it(`${method} arrives as one request of HTTP/1.1, whose end is ${end}`, async () => {
        const request: Http2Request = {
          fields: [
            [':method', method],
            [':scheme', 'http'],
            [':authority', 'a'],
            [':path', '/'],
          ],
          data: [smuggled],
          trailers: end === 'trailers' ? [['x-end', '1']] : [],
          end,
        };
        const answer = await talk.ask((id) => framesOf(request, id));
        assert.equal(answer.status, 200);
        const { messages, violations, broken } = world.lanes[0]?.http1.take() ?? {};
        assert.deepEqual([violations, broken], [[], []]);
        assert.deepEqual(
          messages?.map((message) => [message.method, message.path, message.body, message.trailers]),
          [[method, '/', smuggled, request.trailers]],
        );
      });
});
