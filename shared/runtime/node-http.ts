/**
 * What the sidecar uses of `node:http`. An import of that module would evaluate all that it exports, `WebSocket` too, for which Node
 * loads its undici: 6 MB of a process that needs none of it.
 */
export const { createServer, request, STATUS_CODES } = process.getBuiltinModule('node:http');
