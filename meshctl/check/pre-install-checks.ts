import { controlPlaneName } from '#shared/kubernetes/names.ts';
import { named, type Facts } from './facts.ts';
import { otherInjectors } from './namespace-checks.ts';
import { error, some, warning, type Check, type Verdict } from './verdict.ts';

const category = 'before an installation';
const nativeMinor = 29;

/** What must be so before Tulle is installed. */
export const preInstallChecks: readonly Check[] = [
  {
    category,
    name: 'this account may install everything',
    judge: ({ rights }) => {
      const missing = rights.filter(({ isAllowed }) => !isAllowed).map(({ verb, resource }) => `${verb} ${resource}`);
      if (missing.length === 0) return [];
      return [error(`it may not ${some(missing)}`, 'use an account of cluster-admin, or be given these rights')];
    },
  },
  {
    category,
    name: 'the namespace is free, or that of an installation',
    judge: ({ namespaces, namespace, pods }) => {
      const found = named(namespaces, namespace);
      if (found === undefined) return [];
      if (found.metadata.deletionTimestamp !== undefined)
        return [error(`namespace ${namespace} is being deleted`, 'wait until it is gone')];
      const foreign = pods.filter(
        ({ metadata }) =>
          metadata.namespace === namespace && metadata.labels?.['app.kubernetes.io/name'] !== controlPlaneName,
      );
      if (foreign.length === 0) return [];
      const names = some(foreign.map(({ metadata }) => metadata.name));
      return [warning(`in ${namespace} others run: ${names}`, 'give Tulle a namespace of its own by -n')];
    },
  },
  { category, name: 'the definitions belong to nobody else', judge: judgeDefinitions },
  {
    category,
    name: 'no other mesh is there',
    judge: ({ mutatingWebhooks }) =>
      otherInjectors(mutatingWebhooks).map(({ metadata }) =>
        warning(
          `another injector is there: ${metadata.name}`,
          'label each namespace for one mesh only: Tulle takes istio-injection=enabled for its own, unless mesh.tulle.dev/injection=disabled stands beside it',
        ),
      ),
  },
  { category, name: 'the nodes run native sidecars', judge: judgeNodes },
];

type Field = Readonly<{ manager: string; operation: string }>;

function judgeDefinitions({ definitions, expected }: Facts): Verdict {
  const names = new Set(
    expected.filter(({ kind }) => kind === 'CustomResourceDefinition').map(({ metadata }) => metadata.name),
  );
  const foreign = definitions.filter(
    ({ metadata }) => names.has(metadata.name) && metadata.labels?.['app.kubernetes.io/managed-by'] !== 'tulle',
  );
  if (foreign.length === 0) return [];
  const fields = foreign.flatMap(
    ({ metadata }) => (metadata as { managedFields?: readonly Field[] }).managedFields ?? [],
  );
  const managers = new Set(fields.map(({ manager }) => manager).filter((manager) => manager !== 'kube-apiserver'));
  const message = `${some(foreign.map(({ metadata }) => metadata.name))} belong to ${[...managers].join(', ') || 'another tool'}`;
  return [warning(message, 'keep them by `meshctl install --skip-crds`, or take them by --force-conflicts')];
}

type NodeStatus = Readonly<{ nodeInfo?: Readonly<{ kubeletVersion?: string }> }>;

function judgeNodes({ nodes }: Facts): Verdict {
  if (nodes.length === 0) return { skipped: 'no node is to be seen' };
  const old = nodes.filter((node) => {
    const version = ((node['status'] ?? {}) as NodeStatus).nodeInfo?.kubeletVersion ?? '';
    const [, major = '1', minor = '0'] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
    return Number(major) === 1 && Number(minor) < nativeMinor;
  });
  if (old.length === 0) return [];
  const message = `no native sidecars on ${some(old.map(({ metadata }) => metadata.name))}: pods get classic ones, which a Job must end by itself`;
  return [warning(message, `use kubelets of 1.${nativeMinor} or newer`)];
}
