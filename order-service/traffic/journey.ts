/**
 * One customer's way through the service, without I/O: what is asked next, and whether the answer is right.
 *
 *   place -> look -> (change cart) -> pay -> submit -> look until completed
 *                                       \-> cancel -> look until cancelled
 */

/** What is to be sent. `key` is there on every change, and the same on every try of it. */
export type Ask = Readonly<{
  step: Step;
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  key?: string | undefined;
  ifMatch?: string | undefined;
  minPosition?: string | undefined;
  body?: unknown;
}>;

/** A step of a journey. */
export type Step = 'place' | 'look' | 'changeCart' | 'pay' | 'submit' | 'cancel' | 'await' | 'search';

/** An answer. Status 0: there was none. */
export type Reply = Readonly<{ status: number; body: Readonly<Record<string, unknown>>; etag?: string | undefined }>;

/** A journey between two requests. */
export type Journey = Readonly<{
  /** Unique in all runs; keys are made of it. */
  name: string;
  step: Step;
  plan: Readonly<{ changesCart: boolean; cancels: boolean; quantity: number; unitMinor: number; word: string }>;
  orderId?: string | undefined;
  etag?: string | undefined;
  position?: string | undefined;
  tries: number;
}>;

/** How a journey goes on after an answer. `wrong`: the answer was not what it must be. `delayMs`: not before. */
export type Progress = Readonly<{
  next?: Journey | undefined;
  delayMs: number;
  wrong?: string | undefined;
  ended?: End | undefined;
}>;

/** How a journey ended. */
export type End = 'completed' | 'cancelled' | 'given_up';

const basePath = '/api/v1/orders';
const maxTries = 40;
const words = ['lamp', 'kettle', 'notebook', 'bicycle', 'umbrella', 'teapot', 'blanket', 'compass'];

/** A new journey. */
export function beginJourney(name: string, random: () => number): Journey {
  const plan = {
    changesCart: random() < 0.2,
    cancels: random() < 0.1,
    quantity: 1 + Math.floor(random() * 3),
    unitMinor: 100 + Math.floor(random() * 5000),
    word: words[Math.floor(random() * words.length)] ?? 'lamp',
  };
  return { name, step: 'place', plan, tries: 0 };
}

/** What a journey asks next. */
export function askOf(journey: Journey): Ask {
  const { step, name, orderId = '', etag, position, plan } = journey;
  const key = `${name}:${step}`;
  switch (step) {
    case 'place':
      return { step, method: 'POST', path: basePath, key, body: orderOf(journey) };
    case 'look':
    case 'await':
      return { step, method: 'GET', path: `${basePath}/${orderId}`, minPosition: position };
    case 'changeCart': {
      const body = { lines: linesOf(journey) };
      return { step, method: 'PUT', path: `${basePath}/${orderId}/cart`, key, ifMatch: etag, body };
    }
    case 'pay':
    case 'submit':
      return { step, method: 'POST', path: `${basePath}/${orderId}/${step}`, key };
    case 'cancel':
      return { step, method: 'POST', path: `${basePath}/${orderId}/cancel`, key, body: { reason: 'changed my mind' } };
    case 'search':
      return { step, method: 'GET', path: `${basePath}/search?q=${plan.word}&size=5` };
  }
}

/** Where a journey goes after an answer. A failed change is tried again with its key; so is a look that came too early. */
export function advance(journey: Journey, reply: Reply): Progress {
  if (reply.status === 0 || reply.status === 429 || reply.status >= 500) return again(journey, undefined);
  const expected = journey.step === 'place' ? 201 : 200;
  // A repeated cart change may find its own first try by If-Match: the key is asked first, so this must not be.
  if (reply.status !== expected)
    return again(journey, `${journey.step} answered ${reply.status} ${reply.body['code']}`);
  const wrong = check(journey, reply);
  if (wrong !== undefined) return { delayMs: 0, wrong, ended: 'given_up' };
  const { status, position } = reply.body;
  if (journey.step === 'await' && status !== 'completed' && status !== 'cancelled') return again(journey, undefined);
  if (journey.step === 'await') return { delayMs: 0, ended: status === 'completed' ? 'completed' : 'cancelled' };
  if (journey.step === 'search') return { delayMs: 0 };
  const next = nextStep(journey);
  const known = { orderId: String(reply.body['id']), etag: reply.etag ?? journey.etag };
  const seen = typeof position === 'string' ? position : journey.position;
  return { next: { ...journey, ...known, position: seen, step: next, tries: 0 }, delayMs: next === 'await' ? 150 : 0 };
}

function nextStep({ step, plan }: Journey): Step {
  switch (step) {
    case 'place':
      return 'look';
    case 'look':
      return plan.changesCart ? 'changeCart' : 'pay';
    case 'changeCart':
      return 'pay';
    case 'pay':
      return plan.cancels ? 'cancel' : 'submit';
    case 'submit':
    case 'cancel':
    case 'await':
    case 'search':
      return 'await';
  }
}

function again(journey: Journey, wrong: string | undefined): Progress {
  const tries = journey.tries + 1;
  if (wrong !== undefined || tries >= maxTries) return { delayMs: 0, wrong, ended: 'given_up' };
  return { next: { ...journey, tries }, delayMs: Math.min(2000, 100 * 2 ** Math.min(tries, 5)) };
}

function check(journey: Journey, reply: Reply): string | undefined {
  const { step, orderId } = journey;
  const { body } = reply;
  if (step === 'search') {
    return Array.isArray(body['orders']) ? undefined : 'search answered no orders';
  }
  if (orderId !== undefined && body['id'] !== orderId) return `${step} answered for order ${body['id']}`;
  if (step === 'look' || step === 'await') return checkTotal(journey, body);
  if (step === 'pay' && body['status'] !== 'paid') return `after pay the order is ${body['status']}`;
  if (step === 'submit' && body['status'] !== 'submitted') return `after submit the order is ${body['status']}`;
  return undefined;
}

function checkTotal({ plan, step }: Journey, body: Readonly<Record<string, unknown>>): string | undefined {
  const quantity = step === 'await' && plan.changesCart ? plan.quantity + 1 : plan.quantity;
  const { total } = body;
  const minor = typeof total === 'object' && total !== null && 'minor' in total ? total.minor : undefined;
  const expected = String(quantity * plan.unitMinor);
  return minor === expected ? undefined : `${step}: the total is ${String(minor)}, not ${expected}`;
}

function orderOf(journey: Journey): unknown {
  return {
    customerId: `customer-${journey.name.length}-${journey.plan.word}`,
    email: `${journey.plan.word}@example.com`,
    address: { lines: ['1 Tulip Street'], city: 'Lisse', country: 'NL' },
    channel: 'traffic',
    currency: 'EUR',
    lines: linesOf(journey),
  };
}

function linesOf({ plan, step }: Journey): unknown {
  const quantity = step === 'changeCart' ? plan.quantity + 1 : plan.quantity;
  const unitPrice = { currency: 'EUR', minor: String(plan.unitMinor) };
  return [{ sku: `sku-${plan.word}`, title: `A good ${plan.word}`, quantity, unitPrice }];
}
