import type { ProxyView } from '#shared/admin/views.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import type { ConfigPart } from '../config-parts.ts';
import type { CommandContext } from '../context.ts';
import { formatAge } from '../output/table.ts';
import { formatList, formatObject, type ListView } from '../output/print.ts';

type ProxyList = Readonly<{ generation: number; items: readonly ProxyView[] }>;

const typeColumn = (head: string, type: string) => ({
  head,
  cell: (item: ProxyView) => {
    const state = item.types[type];
    if (state === undefined) return '-';
    if (state.refused !== '') return `REFUSED`;
    return state.acked >= state.sent ? 'SYNCED' : `STALE ${state.acked}/${state.sent}`;
  },
});
const metadataText = (item: ProxyView, key: string) => {
  const value = item.metadata[key];
  return value === undefined ? '-' : typeof value === 'string' ? value : JSON.stringify(value);
};

const proxyView: ListView<ProxyView> = {
  name: (item) => `${item.name}.${item.namespace}`,
  columns: [
    { head: 'NAME', cell: (item) => `${item.name}.${item.namespace}` },
    { head: 'CDS', ...pick(typeColumn('CDS', 'cluster')) },
    { head: 'EDS', ...pick(typeColumn('EDS', 'endpoints')) },
    { head: 'LDS', ...pick(typeColumn('LDS', 'listener')) },
    { head: 'RDS', ...pick(typeColumn('RDS', 'routes')) },
    {
      head: 'HEALTH',
      cell: (item) => (item.isHealthy === null ? '-' : item.isHealthy ? 'healthy' : `unhealthy: ${item.healthMessage}`),
    },
    { head: 'GENERATION', cell: (item) => String(item.appliedGeneration) },
    { head: 'AGE', cell: (item) => formatAge(Date.parse(item.connectedSince), Date.now()) },
    { head: 'ADDRESS', cell: (item) => item.address, wide: true },
    { head: 'ACCOUNT', cell: (item) => item.serviceAccount, wide: true },
    { head: 'ADMIN', cell: (item) => metadataText(item, 'TULLE_ADMIN'), wide: true },
    { head: 'HTTP-PROXY', cell: (item) => metadataText(item, 'TULLE_HTTP_PROXY_PORT'), wide: true },
    { head: 'INBOUND', cell: (item) => metadataText(item, 'TULLE_INBOUND'), wide: true },
    { head: 'VERSION', cell: (item) => item.version, wide: true },
  ],
};

function pick({ cell }: { cell: (item: ProxyView) => string }): { cell: (item: ProxyView) => string } {
  return { cell };
}

/** `meshctl proxy status`: the connected proxies and how far each type of resource is acknowledged. */
export async function proxyStatus(context: CommandContext, name: string | undefined): Promise<number> {
  const { items } = await context.admin.get<ProxyList>('/api/v1/proxies');
  const shown = items.filter(
    (item) =>
      (context.namespace === null || item.namespace === context.namespace) &&
      (name === undefined || isNamed(item, name)),
  );
  if (name !== undefined && shown.length === 0)
    throw new CommandError(exitCodes.failed, `no proxy ${name} is connected`);
  context.out(formatList(shown, proxyView, context.format, context.withHeaders));
  const refusals = shown.flatMap((item) =>
    Object.entries(item.types).flatMap(([type, state]) =>
      state.refused === '' ? [] : [`${item.name}.${item.namespace}: ${type}: ${state.refused}`],
    ),
  );
  for (const refusal of refusals) context.note(refusal);
  return refusals.length > 0 ? exitCodes.findings : exitCodes.ok;
}

const isNamed = (item: ProxyView, name: string) =>
  item.id === name || item.name === name || `${item.name}.${item.namespace}` === name;

/** A connected proxy by its name, name.namespace or id. */
export async function findProxy(context: CommandContext, name: string): Promise<ProxyView> {
  const { items } = await context.admin.get<ProxyList>('/api/v1/proxies');
  const proxy = items.find((item) => isNamed(item, name));
  if (proxy === undefined) {
    throw new CommandError(exitCodes.failed, `no proxy ${name} is connected`, 'list them by `meshctl proxy status`');
  }
  return proxy;
}

/** `meshctl proxy config PART PROXY`: what the control plane last sent to a proxy; certificates and node from its own view. */
export async function proxyConfig(context: CommandContext, part: ConfigPart, name: string): Promise<number> {
  const proxy = await findProxy(context, name);
  const format = context.format === 'table' || context.format === 'wide' ? 'yaml' : context.format;
  if (part === 'bootstrap') context.out(formatObject({ id: proxy.id, metadata: proxy.metadata }, format));
  else if (part === 'certs') {
    const { issued } = await context.admin.get<{ issued: readonly { spiffeId: string }[] }>('/api/v1/certificates');
    const suffix = `/ns/${proxy.namespace}/sa/${proxy.serviceAccount}`;
    context.out(
      formatObject(
        issued.filter(({ spiffeId }) => spiffeId.endsWith(suffix)),
        format,
      ),
    );
  } else {
    const config = await context.admin.get<Record<string, readonly unknown[]>>(
      `/api/v1/proxies/${encodeURIComponent(proxy.id)}/config`,
    );
    context.out(formatObject(config[part] ?? [], format));
  }
  return exitCodes.ok;
}
