import { isIP } from 'node:net';
import type { NameInfo, NameTable } from '../../snapshot/name-table.ts';
import type { Reader } from './reader.ts';

/** `istio.networking.nds.v1.NameTable`. Addresses that are none are left out, as Istio's agent does: one bad row is not to freeze all names. */
export function decodeNameTable(reader: Reader): NameTable {
  const rows = reader.messageMap('table').map(([host, row]): [string, NameInfo] => [host, decodeRow(row)]);
  reader.done();
  return new Map(rows);
}

function decodeRow(reader: Reader): NameInfo {
  const row = {
    addresses: reader.strings('ips').filter((address) => isIP(address) !== 0),
    isKubernetes: reader.string('registry') === 'Kubernetes',
    shortname: reader.string('shortname'),
    namespace: reader.string('namespace'),
    otherHosts: reader.strings('alt_hosts'),
  };
  reader.done();
  return row;
}
