import type { ClusterObject } from '#shared/kubernetes/cluster-api.ts';
import { isEstablished } from '../install/installer.ts';
import type { Manifest } from '../install/manifests.ts';
import { named, type Facts } from './facts.ts';
import { error, installAgain, some, warning, type Check, type Complaint } from './verdict.ts';

const category = 'definitions';

type Version = Readonly<{
  name: string;
  served: boolean;
  schema?: unknown;
  subresources?: Readonly<{ status?: object }>;
}>;
type Spec = Readonly<{ versions: readonly Version[] }>;
type Pair = Readonly<{ expected: Manifest; live: ClusterObject | undefined }>;

const pairs = ({ expected, definitions }: Facts): readonly Pair[] =>
  expected
    .filter(({ kind }) => kind === 'CustomResourceDefinition')
    .map((manifest) => ({ expected: manifest, live: named(definitions, manifest.metadata.name) }));
const versionsOf = (definition: Manifest | ClusterObject) => (definition['spec'] as Spec).versions;

/** The config kinds, as the server knows them. */
export const definitionChecks: readonly Check[] = [
  {
    category,
    name: 'every config kind is defined',
    judge: (facts) => {
      const missing = pairs(facts).flatMap(({ expected, live }) =>
        live === undefined ? [expected.metadata.name] : [],
      );
      if (missing.length === 0) return [];
      return [error(`the cluster does not know ${some(missing)}: nothing of it is in force`, installAgain)];
    },
  },
  {
    category,
    name: 'every config kind is served, in all versions that Tulle reads',
    judge: (facts) =>
      pairs(facts).flatMap(({ expected, live }) => (live === undefined ? [] : unserved(expected, live))),
  },
  {
    category,
    name: 'the definitions are those of this version',
    judge: (facts) => {
      const others = pairs(facts).filter(({ expected, live }) => live !== undefined && !isSame(expected, live));
      if (others.length === 0) return [];
      const names = some(others.map(({ expected }) => expected.metadata.name));
      const hint = 'run `meshctl install` again; if another mesh brings them (then its tool owns them), it may stay so';
      return [warning(`other schemas than those of meshctl ${facts.version} are in force: ${names}`, hint)];
    },
  },
];

type Condition = Readonly<{ type: string; status: string; message?: string }>;

function unserved(expected: Manifest, live: ClusterObject): readonly Complaint[] {
  const { name } = expected.metadata;
  if (!isEstablished(live)) {
    const { conditions = [] } = (live['status'] ?? {}) as { conditions?: readonly Condition[] };
    const why = conditions.find(({ status, message }) => status === 'False' && message !== undefined)?.message ?? '';
    return [error(`${name} is not served: ${why || 'it is not established yet'}`, installAgain)];
  }
  const byName = new Map(versionsOf(live).map((version) => [version.name, version]));
  const complaints = versionsOf(expected).flatMap(({ name: version }) => {
    const found = byName.get(version);
    if (found?.served !== true) return [error(`${name} does not serve ${version}`, installAgain)];
    if (found.subresources?.status === undefined)
      return [warning(`${name} has no status in ${version}: its resources cannot say how they are`, installAgain)];
    return [];
  });
  return complaints;
}

/** Whether all that we say in the schemas is said there; the server adds defaults of its own. */
function isSame(expected: Manifest, live: ClusterObject): boolean {
  const byName = new Map(versionsOf(live).map((version) => [version.name, version]));
  return versionsOf(expected).every(({ name, schema }) => {
    const found = byName.get(name);
    return found === undefined || contains(found.schema, schema);
  });
}

/** Whether `whole` says everything that `part` says. */
export function contains(whole: unknown, part: unknown): boolean {
  if (typeof part !== 'object' || part === null) return whole === part;
  if (Array.isArray(part))
    return (
      Array.isArray(whole) && whole.length === part.length && part.every((item, index) => contains(whole[index], item))
    );
  if (typeof whole !== 'object' || whole === null) return Object.keys(part).length === 0;
  const members = whole as Readonly<Record<string, unknown>>;
  return Object.entries(part).every(([name, member]) => contains(members[name], member));
}
