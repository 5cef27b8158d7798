/**
 * An HTTP server that says who it is: the pod's name and the variable VERSION. On SIGTERM it takes no more connections, answers what it
 * has, and ends, as a good citizen does.
 */
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const port = Number(process.env['PORT'] ?? 8080);
const server = createServer((request, response) => {
  const { method, url, headers } = request;
  request.resume();
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ pod: hostname(), version: process.env['VERSION'] ?? '', method, url, headers }));
  });
});
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
server.listen(port);
