/** A gRPC service that sends back what it gets: its method, for server and client, with octets for messages. */
export const echoMethod = {
  path: '/bench.Echo/Stream',
  requestStream: true,
  responseStream: true,
  requestSerialize: (message: Buffer) => message,
  requestDeserialize: (message: Buffer) => message,
  responseSerialize: (message: Buffer) => message,
  responseDeserialize: (message: Buffer) => message,
} as const;
