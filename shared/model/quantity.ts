/** Kubernetes quantities (`500m`, `2`, `1.5k`, `64Mi`, `1e3`), as SMI's oldest TrafficSplit has for weights. */

const multipliers: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};
const shape = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/;

/** The number that a quantity stands for; `null` for what is no quantity. */
export function parseQuantity(quantity: string | number): number | null {
  if (typeof quantity === 'number') return Number.isFinite(quantity) ? quantity : null;
  const match = quantity.length > 64 ? null : shape.exec(quantity);
  if (match === null) return null;
  const [, digits = '', exponent = '', suffix = ''] = match;
  const value = Number(digits + exponent) * (multipliers[suffix] ?? Number.NaN);
  return Number.isFinite(value) ? value : null;
}
