import type { Fraction, HeaderMatch, PathMatch, StringMatch } from './matchers.ts';

/** The HTTP filters that Tulle runs, with their configuration. The order is the listener's; the router is implied at the end. */
export type HttpFilter =
  | Readonly<{ kind: 'fault'; config: FaultConfig | null }>
  | Readonly<{ kind: 'cors'; config: CorsConfig | null }>
  | Readonly<{ kind: 'rbac'; config: RbacConfig | null }>;

/** What a route, virtual host or weighted cluster says of a filter: it replaces the filter's own configuration. */
export type HttpFilterOverrides = Readonly<{
  fault?: FaultConfig | undefined;
  cors?: CorsConfig | undefined;
  /** `null` switches the filter off here. */
  rbac?: RbacConfig | null | undefined;
}>;

export const noOverrides: HttpFilterOverrides = {};

export type FaultConfig = Readonly<{
  delay: Readonly<{ fixedMs: number; percentage: Fraction }> | null;
  abort: Readonly<{ httpStatus: number | null; grpcStatus: number | null; percentage: Fraction }> | null;
  headers: readonly HeaderMatch[];
  maxActive: number | null;
}>;

export type CorsConfig = Readonly<{
  allowOrigins: readonly StringMatch[];
  /** As sent in the header; empty: not sent. */
  allowMethods: string;
  allowHeaders: string;
  exposeHeaders: string;
  maxAge: string;
  allowCredentials: boolean | null;
  /** Whether a preflight from an origin that is not allowed goes on to the application. */
  forwardNotMatchingPreflights: boolean;
  enabled: Fraction;
}>;

export type RbacConfig = Readonly<{
  action: 'ALLOW' | 'DENY' | 'LOG';
  /** Sorted by name. */
  policies: readonly Readonly<{
    name: string;
    permissions: readonly RbacPermission[];
    principals: readonly RbacPrincipal[];
  }>[];
}>;

export type RbacPermission =
  | Readonly<{ kind: 'any' }>
  | Readonly<{ kind: 'and' | 'or'; rules: readonly RbacPermission[] }>
  | Readonly<{ kind: 'not'; rule: RbacPermission }>
  | Readonly<{ kind: 'header'; header: HeaderMatch }>
  | Readonly<{ kind: 'path'; path: PathMatch | StringMatch }>
  | Readonly<{ kind: 'destinationPort'; port: number }>
  | Readonly<{ kind: 'destinationIp'; cidr: string }>
  | Readonly<{ kind: 'serverName'; match: StringMatch }>;

export type RbacPrincipal =
  | Readonly<{ kind: 'any' }>
  | Readonly<{ kind: 'and' | 'or'; rules: readonly RbacPrincipal[] }>
  | Readonly<{ kind: 'not'; rule: RbacPrincipal }>
  /** The peer is authenticated, and its URI SAN matches (null: any authenticated peer). */
  | Readonly<{ kind: 'authenticated'; name: StringMatch | null }>
  | Readonly<{ kind: 'directRemoteIp' | 'remoteIp' | 'sourceIp'; cidr: string }>
  | Readonly<{ kind: 'header'; header: HeaderMatch }>
  | Readonly<{ kind: 'path'; path: PathMatch | StringMatch }>;
