import { analyze } from '#shared/analysis/analyze.ts';
import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { standingOf } from '#shared/model/known-kinds.ts';
import { defaultMeshConfig } from '#shared/model/mesh-config.ts';
import { parseResource } from '#shared/model/parse.ts';
import type { Resource } from '#shared/model/resource.ts';
import { fullName, type Facts } from './facts.ts';
import { error, some, warning, type Check, type Complaint, type Verdict } from './verdict.ts';

const category = 'configuration';

/** The resources of the mesh, judged as the control plane judges them. */
export const configurationChecks: readonly Check[] = [
  {
    category,
    name: 'every resource can be read',
    judge: ({ resources }) => resources.flatMap(refusal),
  },
  { category, name: 'the resources fit together', judge: judgeTogether },
  { category, name: 'every resource is of a kind that has an effect', judge: judgeKinds },
  {
    category,
    name: 'no resource says of itself that something is wrong',
    judge: ({ resources }) => resources.flatMap(judgeConditions),
  },
];

const isHonoured = ({ apiVersion = '', kind = '' }: ClusterObject) =>
  standingOf(apiVersion, kind).standing === 'honoured';

/** What users write: the server's own additions say nothing to the mesh. */
function parse(object: ClusterObject) {
  return parseResource({ ...object, status: undefined });
}

function refusal(object: ClusterObject): readonly Complaint[] {
  if (!isHonoured(object)) return [];
  const parsed = parse(object);
  if (parsed.ok) return [];
  const problems = parsed.problems.filter(({ severity }) => severity === 'error');
  const text = problems.map(({ path, message }) => `${path}: ${message}`).join('; ');
  const hint = 'correct it, `meshctl validate -f` says when it is right; until then what was last right is in force';
  return [error(`${object.kind ?? ''} ${fullName(object)} is refused: ${text}`, hint)];
}

function judgeTogether({ resources, pods }: Facts): Verdict {
  const parsed = [...resources, ...pods].filter(isHonoured).flatMap((object): Resource[] => {
    const result = parse(object);
    return result.ok ? [result.value] : [];
  });
  return analyze(parsed, defaultMeshConfig).map(({ resource, path, message, code }) =>
    warning(`${resource}: ${path === '' ? '' : `${path}: `}${message}`, `code ${code ?? ''}`.trim()),
  );
}

/** Kinds whose absence of effect is dangerous are named with what does not happen. */
const meanings: Readonly<Record<string, string>> = {
  AuthorizationPolicy: 'they allow and deny nothing',
  RequestAuthentication: 'no token is checked',
};

function judgeKinds({ resources }: Facts): Verdict {
  const byKind = Map.groupBy(
    resources.filter((object) => !isHonoured(object)),
    ({ kind = '' }) => kind,
  );
  return [...byKind].map(([kind, objects]) => {
    const meaning = meanings[kind] ?? 'they have no effect';
    return warning(
      `${kind} is not honoured yet, ${meaning}: ${some(objects.map(fullName))}`,
      'do not rely on them; docs/differences.md says what is honoured',
    );
  });
}

type Condition = Readonly<{ type: string; status: string; message?: string }>;

/** `Healthy` of a workload is what its probe found, and no fault of the configuration. */
function judgeConditions(object: ClusterObject): readonly Complaint[] {
  const { conditions = [] } = (object['status'] ?? {}) as { conditions?: readonly Condition[] };
  return conditions
    .filter(({ type, status }) => status === 'False' && type !== 'Healthy')
    .map(({ type, message = '' }) =>
      warning(
        `${object.kind ?? ''} ${fullName(object)}: not ${type}: ${message}`,
        '`meshctl describe` shows it in full',
      ),
    );
}
