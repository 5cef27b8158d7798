/**
 * What is used of `node:http`. An import of that module would evaluate all that it exports, `WebSocket` too, for which Node loads its
 * undici: 6 MB and 25 ms of a process that needs none of it.
 */
export const { Agent, createServer, get, request, STATUS_CODES } = process.getBuiltinModule('node:http');
