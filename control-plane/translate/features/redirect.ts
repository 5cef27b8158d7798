import type { TypedObject } from '#shared/xds/typed.ts';
import type { HttpRule } from '../route-match.ts';
import { compact } from '../typed-builder.ts';

type Redirect = Readonly<{
  authority?: string;
  derivePort?: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT';
  port?: number;
  redirectCode?: number;
  scheme?: string;
  uri?: string;
  prefixRewrite?: string;
}>;

type DirectResponse = NonNullable<HttpRule['directResponse']>;

/** Codes by their names in Envoy. 301 is the default of the field. */
const codes: Readonly<Record<number, string | undefined>> = {
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};

/** The `redirect` of a route. A code that cannot be sent leaves the route without an action, as validation has told. */
export function redirectAction(redirect: Redirect, requestPort: number): TypedObject {
  const code = redirect.redirectCode ?? 301;
  if (code !== 0 && code !== 301 && codes[code] === undefined) {
    return {};
  }
  return {
    redirect: compact({
      host_redirect: text(redirect.authority),
      scheme_redirect: text(redirect.scheme),
      port_redirect: redirectPort(redirect, requestPort),
      ...(redirect.prefixRewrite === undefined
        ? { path_redirect: text(redirect.uri) }
        : { prefix_rewrite: redirect.prefixRewrite }),
      response_code: codes[code],
    }),
  };
}

/** The `direct_response` of a route. */
export function directResponse({ status, body }: DirectResponse): TypedObject {
  if (body?.string !== undefined) {
    return { status, body: { inline_string: body.string } };
  }
  return body?.bytes === undefined ? { status } : { status, body: { inline_bytes: body.bytes } };
}

/** A port is left out when it is the scheme's own. */
function redirectPort({ derivePort, port, scheme }: Redirect, requestPort: number): number | undefined {
  const wanted = derivePort === 'FROM_REQUEST_PORT' ? requestPort : port;
  const own = scheme === 'https' ? 443 : 80;
  return wanted === own ? undefined : wanted;
}

function text(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
