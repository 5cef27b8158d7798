import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpFilter } from '../snapshot/http-filter.ts';
import { checkOverrides, compileFilters } from './order.ts';

const bad = { kind: 'regex', pattern: '(' } as const;
const cors = {
  allowOrigins: [bad],
  allowMethods: '',
  allowHeaders: '',
  exposeHeaders: '',
  maxAge: '',
  allowCredentials: null,
  forwardNotMatchingPreflights: true,
  enabled: { numerator: 100, denominator: 100 } as const,
};
const rbac = {
  action: 'DENY' as const,
  policies: [
    {
      name: 'p',
      permissions: [{ kind: 'destinationIp' as const, cidr: 'x' }],
      principals: [{ kind: 'authenticated' as const, name: bad }],
    },
  ],
};

test('filters are compiled in the order of the listener', () => {
  const filters: HttpFilter[] = [
    { kind: 'rbac', config: null },
    { kind: 'fault', config: null },
    { kind: 'cors', config: null },
  ];
  const compiled = compileFilters(filters);
  assert(compiled.ok);
  assert.deepEqual(
    compiled.value.map(({ name }) => name),
    ['rbac', 'fault', 'cors'],
  );
});

test('everything that is wrong with filters is said at once', () => {
  const compiled = compileFilters([
    { kind: 'rbac', config: rbac },
    { kind: 'cors', config: cors },
  ]);
  assert(!compiled.ok);
  assert.deepEqual(
    compiled.problems.map(({ path }) => path),
    [
      'filters[0].rbac.policies[p].destinationIp',
      'filters[0].rbac.policies[p].authenticated',
      'filters[1].cors.allowOrigins',
    ],
  );
});

test('overrides are checked when they are taken in, and a policy that was not is a fault of the program', () => {
  assert.deepEqual(checkOverrides({}, 'route'), []);
  assert.deepEqual(
    checkOverrides({ cors, rbac }, 'route').map(({ path }) => path),
    ['route.cors.allowOrigins', 'route.rbac.policies[p].destinationIp', 'route.rbac.policies[p].authenticated'],
  );
});
