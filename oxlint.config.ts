// The architecture as lint: who may import whom (docs in CONTRIBUTING.md). One table, from which the bans are made.
import { defineConfig, type OxlintOverride } from 'oxlint';

type Ban = { group: string[]; message: string };

const components = ['control-plane', 'sidecar', 'meshctl', 'dashboard', 'order-service'];

/** The sidecar's layers, lowest first: lower never imports higher. */
const sidecarLayers = [
  ['http1', 'http2'],
  ['transport'],
  ['net'],
  ['telemetry'],
  ['snapshot'],
  ['routing'],
  ['upstream'],
  ['proxy'],
  ['filters'],
  ['compile'],
  ['xds'],
  ['settings', 'probing'],
  ['bootstrap', 'identity', 'admin', 'restart', 'status', 'commands', 'dns'],
];

/** Folders of the control plane that a folder of it may import. `app.ts` and `main.ts` may import all. */
const controlPlaneMayImport: Record<string, string[]> = {
  catalog: [],
  sources: ['catalog'],
  registry: ['catalog'],
  translate: ['catalog'],
  xds: [],
  ca: [],
  webhooks: [],
  injector: ['catalog'],
  admission: ['catalog'],
};
const controlPlaneFolders = [...Object.keys(controlPlaneMayImport), 'admin', 'controllers'];

const sibling = (folder: string) => [`../${folder}/*`, `../../${folder}/*`, `../../../${folder}/*`];

const restrict = (files: string, patterns: Ban[]): OxlintOverride => ({
  files: [files],
  rules: { 'no-restricted-imports': ['error', { patterns }] },
});

/** What holds in every folder of a component. An override replaces an earlier one, so each carries these too. */
const componentBans = (component: string): Ban[] => [
  {
    group: components
      .filter((other) => other !== component)
      .flatMap((other) => [`**/../${other}/**`, `../${other}/**`]),
    message: 'Components never import each other: what two need lives in #shared.',
  },
  component === 'order-service'
    ? { group: ['#shared/**'], message: 'The order service imports nothing of the mesh: an application needs no SDK.' }
    : { group: ['**/../shared/**', '../shared/**'], message: 'Across components import by #shared/...' },
];

const acrossComponents = components.map((component) => restrict(`${component}/**/*.ts`, componentBans(component)));

const withinSidecar = sidecarLayers.flatMap((layer, height) =>
  layer.map((folder) =>
    restrict(`sidecar/${folder}/**/*.ts`, [
      ...componentBans('sidecar'),
      {
        group: [...sidecarLayers.slice(height + 1).flat(), ...layer.filter((peer) => peer !== folder)].flatMap(sibling),
        message: `sidecar/${folder} may only import lower layers (DESIGN: http1, http2 < transport < net < ... < app).`,
      },
      { group: ['**/app.ts', '**/main.ts'], message: 'Only main imports app.' },
    ]),
  ),
);

const withinControlPlane = Object.entries(controlPlaneMayImport).map(([folder, allowed]) =>
  restrict(`control-plane/${folder}/**/*.ts`, [
    ...componentBans('control-plane'),
    {
      group: controlPlaneFolders.filter((other) => other !== folder && !allowed.includes(other)).flatMap(sibling),
      message: `control-plane/${folder} may import of its siblings only: ${allowed.join(', ') || 'none'}.`,
    },
    { group: ['**/app.ts', '**/main.ts'], message: 'Only main imports app.' },
  ]),
);

const withinShared = [
  restrict('shared/runtime/**/*.ts', [
    { group: ['#shared/**', '../*/**', '../../**'], message: 'shared/runtime imports nothing of ours.' },
  ]),
  restrict('shared/model/**/*.ts', [
    {
      group: ['xds', 'x509', 'certificates', 'telemetry', 'analysis'].flatMap((f) => [
        ...sibling(f),
        `#shared/${f}/**`,
      ]),
      message: 'shared/model imports only shared/runtime.',
    },
  ]),
];

export default defineConfig({
  plugins: ['typescript', 'import', 'node', 'unicorn', 'oxc'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['dist/**', 'node_modules/**', '.tulle/**', '.venv/**', 'test/behaviour/agent.js'],
  rules: {
    'import/no-cycle': 'error',
    'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
    'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
    'max-params': ['error', { max: 4 }],
    'no-console': 'error',
    'no-param-reassign': 'off',
    'no-underscore-dangle': 'off',
    'no-shadow': 'off',
    'no-empty': 'error',
    eqeqeq: 'error',
    'prefer-const': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-floating-promises': [
      'error',
      {
        allowForKnownSafeCalls: [{ from: 'package', name: ['test', 'it', 'describe', 'suite'], package: 'node:test' }],
      },
    ],
    'typescript/no-misused-promises': 'off',
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/consistent-type-imports': 'error',
    'typescript/no-unsafe-type-assertion': 'off',
    'typescript/no-unnecessary-type-assertion': 'error',
    'typescript/restrict-template-expressions': 'off',
    'typescript/no-base-to-string': 'off',
    'typescript/unbound-method': 'off',
    'typescript/consistent-return': 'off',
    'unicorn/no-array-sort': 'off',
    'unicorn/no-array-reverse': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/prefer-add-event-listener': 'off',
    'unicorn/require-post-message-target-origin': 'off',
    'node/no-process-env': 'error',
    'import/no-unassigned-import': 'off',
    'no-await-in-loop': 'off',
    'no-control-regex': 'off',
    'oxc/no-map-spread': 'off',
  },
  overrides: [
    ...acrossComponents,
    ...withinSidecar,
    ...withinControlPlane,
    ...withinShared,
    { files: ['**/settings.ts', 'test/**/*.ts', 'bench/**/*.ts'], rules: { 'node/no-process-env': 'off' } },
    {
      files: ['**/main.ts', 'meshctl/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'build.ts'],
      rules: { 'no-console': 'off' },
    },
    {
      files: ['**/*.test.ts', 'test/**/*.ts', 'bench/**/*.ts'],
      rules: {
        'max-lines': ['error', { max: 500, skipBlankLines: false, skipComments: false }],
        'max-lines-per-function': 'off',
        'typescript/no-non-null-assertion': 'off',
      },
    },
  ],
});
