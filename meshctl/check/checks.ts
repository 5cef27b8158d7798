import { certificateChecks } from './certificate-checks.ts';
import { clusterChecks } from './cluster-checks.ts';
import { configurationChecks } from './configuration-checks.ts';
import { controlPlaneChecks } from './control-plane-checks.ts';
import { dataPlaneChecks } from './data-plane-checks.ts';
import { definitionChecks } from './definition-checks.ts';
import { namespaceChecks } from './namespace-checks.ts';
import { preInstallChecks } from './pre-install-checks.ts';
import { rightsChecks } from './rights-checks.ts';
import type { Check } from './verdict.ts';
import { webhookChecks } from './webhook-checks.ts';

/** What is asked before an installation. */
export const checksBefore: readonly Check[] = [...clusterChecks, ...preInstallChecks];

/** What is asked of an installation, causes before their effects. */
export const checksAfter: readonly Check[] = [
  ...clusterChecks,
  ...definitionChecks,
  ...controlPlaneChecks,
  ...rightsChecks,
  ...certificateChecks,
  ...webhookChecks,
  ...namespaceChecks,
  ...dataPlaneChecks,
  ...configurationChecks,
];
