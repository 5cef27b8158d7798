/** Two databases on the loopback, and the ServiceEntries that give both of them port 5432. */
import { createServer, type AddressInfo } from 'node:net';

const entry = (name: string, port: number) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: shop}
spec:
  hosts: [${name}.db.example]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  endpoints: [{address: 127.0.0.1, ports: {tcp: ${port}}}]
`;

/** Starts them: each says who it is and ends the connection. */
export async function startDatabases() {
  const started = await Promise.all(
    ['orders', 'stock'].map(async (name) => {
      const server = createServer((socket) => socket.end(`I am ${name}`));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return { name, server, port: (server.address() as AddressInfo).port };
    }),
  );
  return {
    names: started.map(({ name }) => name),
    files: Object.fromEntries(started.map(({ name, port }) => [`${name}.yaml`, entry(name, port)])),
    close: () => started.forEach(({ server }) => server.close()),
  };
}
