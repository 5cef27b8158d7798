import { defaultProbe, type ListenerConfig, type Probe } from '../../snapshot/listener.ts';
import type { Reader } from './reader.ts';

/** What our control plane tells our own sidecars in a listener's metadata; other metadata needs nothing of us. */
export function decodeOwn(listener: Reader): Pick<ListenerConfig, 'compat' | 'probe'> {
  const filters = listener.message('metadata')?.message('filter_metadata') ?? null;
  const own = filters?.message('tulle') ?? null;
  const compat = own?.string('compat') ?? '';
  const probe = own?.message('probe') ?? null;
  return {
    compat: compat === 'istio' || compat === 'tulle' ? compat : '',
    probe: probe === null ? null : decodeProbe(probe),
  };
}

/** A probe as a WorkloadGroup has it; null for kinds that cannot be asked from beside the application (`exec`). */
function decodeProbe(reader: Reader): Probe | null {
  const http = reader.message('httpGet');
  const tcp = reader.message('tcpSocket');
  const grpc = reader.message('grpc');
  const seconds = (field: string, otherwiseMs: number) =>
    reader.has(field) ? reader.number(field) * 1000 : otherwiseMs;
  const common = {
    ...defaultProbe,
    initialDelayMs: seconds('initialDelaySeconds', defaultProbe.initialDelayMs),
    periodMs: seconds('periodSeconds', defaultProbe.periodMs),
    timeoutMs: seconds('timeoutSeconds', defaultProbe.timeoutMs),
    failureThreshold: reader.number('failureThreshold', defaultProbe.failureThreshold),
    successThreshold: reader.number('successThreshold', defaultProbe.successThreshold),
  };
  if (http !== null) {
    const headers = http.messages('httpHeaders').map((header) => [header.string('name'), header.string('value')]);
    return {
      ...common,
      kind: 'http',
      port: http.number('port'),
      path: http.string('path', '/'),
      headers: Object.fromEntries(headers),
    };
  }
  if (tcp !== null) return { ...common, kind: 'tcp', port: tcp.number('port') };
  return grpc === null ? null : { ...common, kind: 'grpc', port: grpc.number('port'), service: grpc.string('service') };
}
