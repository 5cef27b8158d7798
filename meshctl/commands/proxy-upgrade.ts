import { request } from '#shared/runtime/node-http.ts';
import { text as readAll } from 'node:stream/consumers';
import type { ProxyView } from '#shared/admin/views.ts';
import { parseHostPort, type HostPort } from '#shared/runtime/host-port.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import type { CommandContext } from '../context.ts';
import { formatObject } from '../output/print.ts';
import { findProxy } from './proxy.ts';

/**
 * `meshctl proxy upgrade PROXY`: a new process takes over from a sidecar, without loss, and what runs is what lies on disk now. `proxy`:
 * as the control plane knows it, or HOST:PORT of its admin port. Resolves when the successor serves.
 */
export async function proxyUpgrade(context: CommandContext, proxy: string): Promise<number> {
  const address = parseHostPort(proxy) ?? adminOf(await findProxy(context, proxy));
  const { status, text } = await post(address);
  if (status !== 200) {
    const reason = status === 404 ? 'it is of a version that cannot be upgraded' : text.trim();
    throw new CommandError(exitCodes.failed, `${proxy} is not upgraded, it goes on as it is: ${reason}`);
  }
  const { pid } = JSON.parse(text) as { pid: number };
  const isForPeople = context.format === 'table' || context.format === 'wide';
  context.out(isForPeople ? `${proxy}: process ${pid} has taken over\n` : formatObject({ proxy, pid }, context.format));
  return exitCodes.ok;
}

function adminOf({ name, metadata }: ProxyView): HostPort {
  const address = parseHostPort(String(metadata['TULLE_ADMIN'] ?? ''));
  if (address === null)
    throw new CommandError(exitCodes.failed, `${name} does not tell its admin port: it is no sidecar of Tulle`);
  return address;
}

/** Without a limit of time: the sidecar has one, `--upgrade-seconds`. */
function post({ host, port }: HostPort): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const unreachable = (error: unknown) =>
      reject(
        new CommandError(
          exitCodes.unreachable,
          `the admin port of the proxy does not answer at ${host}:${port}: ${describeError(error)}`,
          'it listens on loopback: run this beside the proxy, or send SIGUSR2 to it',
        ),
      );
    const call = request({ host, port, method: 'POST', path: '/upgrade', agent: false }, (response) => {
      readAll(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), unreachable);
    });
    call.on('error', unreachable);
    call.end();
  });
}
