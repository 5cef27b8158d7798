// `node healthcheck.mjs URL`: exits 0 when the URL answers 200 within two seconds. Images have no curl, and it takes no proxy.
import { get } from 'node:http';

const request = get(process.argv[2], { agent: false, timeout: 2000 }, (response) => {
  response.resume();
  process.exitCode = response.statusCode === 200 ? 0 : 1;
});
request.on('timeout', () => request.destroy(new Error('no answer')));
request.on('error', () => {
  process.exitCode = 1;
});
