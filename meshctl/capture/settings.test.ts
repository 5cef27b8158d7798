import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatProblems } from '#shared/runtime/result.ts';
import { type CaptureFlags, nameServersOf, parseCapture } from './settings.ts';

const defaults: CaptureFlags = {
  mode: 'REDIRECT',
  inboundPort: '15006',
  outboundPort: '15001',
  uid: '1337',
  gid: '1337',
  includeInboundPorts: '*',
  excludeInboundPorts: '',
  includeOutboundPorts: '',
  excludeOutboundPorts: '',
  includeOutboundIpRanges: '*',
  excludeOutboundIpRanges: '',
  excludeInterfaces: '',
  rerouteInterfaces: '',
  dnsPort: '15053',
};

function read(flags: Partial<CaptureFlags>, nameServers: readonly string[] = []) {
  const result = parseCapture({ ...defaults, ...flags }, nameServers);
  return result.ok ? result.value : formatProblems(result.problems);
}

suite('the flags of capture', () => {
  test('by default all is captured but the ports that the sidecar is asked on from outside', () => {
    assert.deepEqual(read({}), {
      mode: 'REDIRECT',
      inboundPort: 15_006,
      outboundPort: 15_001,
      uids: [1337],
      gids: [1337],
      includeInboundPorts: '*',
      excludeInboundPorts: ['15090', '15021', '15020'],
      includeOutboundPorts: [],
      excludeOutboundPorts: [],
      includeOutboundRanges: '*',
      excludeOutboundRanges: [],
      excludeInterfaces: [],
      rerouteInterfaces: [],
      dns: null,
      dropInvalid: false,
    });
  });

  test('lists, ranges of ports and single addresses are read', () => {
    const settings = read({
      uid: '0,1337',
      gid: '',
      includeInboundPorts: '',
      excludeInboundPorts: '15021, 80,8000-8010',
      includeOutboundIpRanges: '10.0.0.0/8,fd00::/8,192.168.1.1',
      excludeInterfaces: 'net1,cali+',
    });
    assert.ok(typeof settings !== 'string');
    assert.deepEqual([settings.uids, settings.gids, settings.includeInboundPorts], [[0, 1337], [], []]);
    assert.deepEqual(settings.excludeInboundPorts, ['15021', '80', '8000:8010', '15090', '15020']);
    assert.deepEqual(settings.includeOutboundRanges, ['10.0.0.0/8', 'fd00::/8', '192.168.1.1/32']);
    assert.deepEqual(settings.excludeInterfaces, ['net1', 'cali+']);
  });

  test('DNS: the servers of resolv.conf, named ones, or all', () => {
    const servers = nameServersOf('search a.b\nnameserver 10.96.0.10\n# nameserver 1.1.1.1\nnameserver fe80::1%eth0\n');
    assert.deepEqual(servers, ['10.96.0.10', 'fe80::1']);
    const dns = (flags: Partial<CaptureFlags>, found: readonly string[] = servers) => {
      const settings = read({ dns: true, ...flags }, found);
      return typeof settings === 'string' ? settings : settings.dns;
    };
    assert.deepEqual(dns({}), { port: 15_053, servers });
    assert.deepEqual(dns({ dnsServers: '1.1.1.1,1.1.1.1', dnsPort: '53' }), { port: 53, servers: ['1.1.1.1'] });
    assert.deepEqual(dns({ dnsServers: '*' }), { port: 15_053, servers: '*' });
    assert.match(String(dns({}, [])), /^--dns: resolv\.conf has no name server/);
  });

  const refused: readonly (readonly [Partial<CaptureFlags>, RegExp])[] = [
    [{ mode: 'NONE' }, /^--mode: NONE is not REDIRECT or TPROXY$/],
    [{ inboundPort: '0' }, /^--inbound-port: 0 is not a port$/],
    [{ outboundPort: '70000' }, /^--outbound-port: 70000 is not a port$/],
    [{ uid: 'envoy' }, /^--uid: envoy is not a number of a user$/],
    [{ uid: '', gid: '' }, /^--uid: somebody must be the sidecar/],
    [{ excludeInboundPorts: '*' }, /^--exclude-inbound-ports: \* is not a port, or a range/],
    [{ includeOutboundPorts: '90-80' }, /^--include-outbound-ports: 90-80 is not a port, or a range/],
    [
      { excludeOutboundIpRanges: '10.0.0.0/33' },
      /^--exclude-outbound-ip-ranges: 10\.0\.0\.0\/33 is not an address range/,
    ],
    [{ includeOutboundIpRanges: 'example.com' }, /^--include-outbound-ip-ranges: example\.com is not/],
    [{ excludeInterfaces: '-j' }, /^--exclude-interfaces: -j is not a name of an interface$/],
    [{ rerouteInterfaces: 'a b' }, /^--reroute-interfaces: a b is not a name/],
    [{ dns: true, dnsServers: 'dns' }, /^--dns-servers: dns is not an address/],
    [{ mode: 'x', uid: 'y' }, /^--mode: .*; --uid: /],
  ];
  for (const [flags, says] of refused)
    test(`${JSON.stringify(flags)} is refused by name`, () => assert.match(String(read(flags)), says));
});
