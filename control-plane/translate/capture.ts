/** What listeners and clusters of a proxy need whose traffic rules of the kernel bring: `meshctl capture` makes them. */
import type { TypedObject } from '#shared/xds/typed.ts';
import { ipVersions, type ProxyNode } from './proxy-node.ts';
import { compact, nonEmpty, toAddress, typed } from './typed-builder.ts';

/** TPROXY's mark of connections to the application in the name of a client. */
const inboundMark = 1337;

const anyAddress = { 4: '0.0.0.0', 6: '::' } as const;

/** From where the application is called: by these addresses the rules know what is not to be captured again. */
const ownLoopback = { 4: '127.0.0.6', 6: '::6' } as const;

/** Where captured connections are taken: on all addresses of the versions of IP that the proxy has. */
export function capturing(
  port: number,
  {
    interception,
    ipVersions: versions,
  }: Readonly<Pick<ProxyNode, 'interception'> & { ipVersions: readonly (4 | 6)[] }>,
): TypedObject {
  const [address, ...more] = versions.map((version) => toAddress(anyAddress[version], port));
  return compact({
    address,
    additional_addresses: nonEmpty(more.map((other) => ({ address: other }))),
    // Or the kernel would not hand it connections to addresses that are not its own.
    transparent: interception === 'TPROXY' ? true : undefined,
  });
}

/** Restores where a connection was meant to go, and with TPROXY in whose name the application is called. */
export function originalAddresses({ interception }: ProxyNode): readonly TypedObject[] {
  const destination = {
    name: 'envoy.filters.listener.original_dst',
    typed_config: typed('envoy.extensions.filters.listener.original_dst.v3.OriginalDst'),
  };
  const source = {
    name: 'envoy.filters.listener.original_src',
    typed_config: typed('envoy.extensions.filters.listener.original_src.v3.OriginalSrc', { mark: inboundMark }),
  };
  return interception === 'TPROXY' ? [destination, source] : [destination];
}

/** The `upstream_bind_config` of connections to the application. */
export function fromOwnLoopback(node: ProxyNode): TypedObject {
  const [first, ...more] = ipVersions(node).map((version) => ({ address: ownLoopback[version], port_value: 0 }));
  return compact({
    source_address: first,
    extra_source_addresses: nonEmpty(more.map((address) => ({ address }))),
  });
}
