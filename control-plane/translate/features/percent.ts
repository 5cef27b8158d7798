import type { TypedObject } from '#shared/xds/typed.ts';
import { compact } from '../typed-builder.ts';

/** A percentage with fractions, in parts of a million. */
export function millionths(percent: number): TypedObject {
  const numerator = Math.floor(percent * 10_000);
  return compact({ numerator: numerator === 0 ? undefined : numerator, denominator: 'MILLION' });
}

/** A whole percentage. */
export function hundredths(percent: number): TypedObject {
  return compact({ numerator: percent === 0 ? undefined : percent });
}
