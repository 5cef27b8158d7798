/**
 * Preloaded in every test process (test/run.ts): connections are on the transport that TULLE_TRANSPORT names, by default the direct
 * one, as in the sidecar. CI runs the tests that open connections on both.
 */
import { useTransport } from '../../sidecar/transport/connection-of.ts';
import { probeDirect } from '../../sidecar/transport/direct-probe.ts';

if (process.env['TULLE_TRANSPORT'] !== 'streams') {
  const reason = await probeDirect();
  if (reason !== null) throw new Error(`the direct transport does not work here: ${reason}`);
  useTransport('direct');
}
