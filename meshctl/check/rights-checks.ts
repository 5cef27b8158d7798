import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { controlPlaneName } from '#shared/kubernetes/names.ts';
import type { Manifest } from '../install/manifests.ts';
import { expectedOf, named, type Facts } from './facts.ts';
import { error, installAgain, some, type Check, type Complaint } from './verdict.ts';

const category = 'rights of the control plane';

/** One rule of a role. */
export type Rule = Readonly<{
  apiGroups?: readonly string[];
  resources?: readonly string[];
  resourceNames?: readonly string[];
  verbs: readonly string[];
}>;

const kinds = [
  { role: 'ClusterRole', binding: 'ClusterRoleBinding', roles: 'clusterRoles', bindings: 'clusterRoleBindings' },
  { role: 'Role', binding: 'RoleBinding', roles: 'roles', bindings: 'roleBindings' },
] as const;

/** Whether its account may do what it needs. */
export const rightsChecks: readonly Check[] = [
  {
    category,
    name: 'its account is there',
    judge: ({ serviceAccounts, namespace }) =>
      named(serviceAccounts, controlPlaneName) === undefined
        ? [error(`there is no ServiceAccount ${controlPlaneName} in ${namespace}: no pod of it is made`, installAgain)]
        : [],
  },
  {
    category,
    name: 'its roles have all rights that it needs',
    judge: (facts) =>
      kinds.flatMap(({ role, roles }) => {
        const expected = expectedOf(facts, role, controlPlaneName);
        return expected === undefined ? [] : missingRights(expected, named(facts[roles], controlPlaneName));
      }),
  },
  {
    category,
    name: 'its roles are bound to its account',
    judge: (facts) => kinds.flatMap((kind) => judgeBinding(facts, kind)),
  },
];

const rulesOf = (role: Manifest | ClusterObject | undefined) => (role?.['rules'] ?? []) as readonly Rule[];

function missingRights(expected: Manifest, live: ClusterObject | undefined): readonly Complaint[] {
  const name = `${expected.kind} ${expected.metadata.name}`;
  if (live === undefined) return [error(`there is no ${name}`, installAgain)];
  const missing = rulesOf(expected).flatMap((rule) => uncovered(rule, rulesOf(live)));
  if (missing.length === 0) return [];
  return [error(`${name} does not give the right to ${some(missing)}`, installAgain)];
}

/** What of a rule no rule gives, as `get, list pods`. */
export function uncovered(wanted: Rule, given: readonly Rule[]): readonly string[] {
  const { apiGroups = [], resources = [], resourceNames = [''] } = wanted;
  const says: string[] = [];
  for (const group of apiGroups)
    for (const resource of resources)
      for (const name of resourceNames) {
        const verbs = wanted.verbs.filter(
          (verb) => !given.some((rule) => covers(rule, { group, resource, name, verb })),
        );
        const full = `${resource}${group === '' ? '' : `.${group}`}${name === '' ? '' : ` ${name}`}`;
        if (verbs.length > 0) says.push(`${verbs.join(', ')} ${full}`);
      }
  return says;
}

type Access = Readonly<{ group: string; resource: string; name: string; verb: string }>;

/** As the API server decides it (RBAC): every dimension by itself, `*` for anything, no names for all names. */
function covers({ apiGroups = [], resources = [], resourceNames = [], verbs }: Rule, access: Access): boolean {
  const has = (list: readonly string[], value: string) => list.includes('*') || list.includes(value);
  const isName = resourceNames.length === 0 || (access.name !== '' && resourceNames.includes(access.name));
  return has(apiGroups, access.group) && has(resources, access.resource) && has(verbs, access.verb) && isName;
}

type Subject = Readonly<{ kind: string; name: string; namespace?: string }>;

function judgeBinding(facts: Facts, { role, binding, bindings }: (typeof kinds)[number]): readonly Complaint[] {
  const live = named(facts[bindings], controlPlaneName);
  if (live === undefined) return [error(`there is no ${binding} ${controlPlaneName}`, installAgain)];
  const { name, kind } = live['roleRef'] as Readonly<{ name: string; kind: string }>;
  if (name !== controlPlaneName || kind !== role)
    return [error(`${binding} ${controlPlaneName} binds ${kind} ${name}`, `delete it, then ${installAgain}`)];
  const isBound = ((live['subjects'] ?? []) as readonly Subject[]).some(
    (subject) =>
      subject.kind === 'ServiceAccount' && subject.name === controlPlaneName && subject.namespace === facts.namespace,
  );
  if (isBound) return [];
  return [error(`${binding} ${controlPlaneName} does not name the account in ${facts.namespace}`, installAgain)];
}
