/** Templates that need no settings; the names are Istio's. */
export const builtInTemplates = ['sidecar', 'gateway', 'grpc-simple', 'grpc-agent'] as const;

export type BuiltInTemplate = (typeof builtInTemplates)[number];

export function isBuiltIn(name: string): name is BuiltInTemplate {
  return builtInTemplates.some((one) => one === name);
}
