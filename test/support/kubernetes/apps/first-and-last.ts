/** Calls URL at once when it starts and once more when it is told to end, and prints both outcomes as JSON. */
import { get } from 'node:http';

const url = process.env['URL'] ?? 'http://echo/';

function call(): Promise<number | string> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    }).on('error', (error) => resolve(error.message));
  });
}

const first = call();
process.on('SIGTERM', () => {
  // Told to end before its first call was answered, it has two answers to wait for.
  void first.then(call).then((last) => {
    console.log(JSON.stringify({ last }));
    process.exit(0);
  });
});
console.log(JSON.stringify({ first: await first }));
setInterval(() => undefined, 60_000);
