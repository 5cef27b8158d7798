/** What `meshctl proxy config` can show. */
export const configParts = ['listeners', 'routes', 'clusters', 'endpoints', 'certs', 'bootstrap'] as const;
export type ConfigPart = (typeof configParts)[number];
