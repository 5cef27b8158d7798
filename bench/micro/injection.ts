/** The injector's time for one review, from the bytes of the request to those of the answer: `node bench/micro/injection.ts`. */
import { encodeAdmissionReview, parseAdmissionReview } from '../../shared/kubernetes/admission-review.ts';
import { reviewedInputs } from './injection-reviews.ts';

const rounds = 200;
const perSecond = 100;

const cases = reviewedInputs.flatMap(({ webhook, bodies }) =>
  bodies.map((body) => ({ body, answer: (text: string) => answerTo(webhook, text) })),
);

function answerTo(webhook: (typeof reviewedInputs)[number]['webhook'], body: string): string {
  const review = parseAdmissionReview(JSON.parse(body));
  if (!review.ok) throw new Error(JSON.stringify(review.problems));
  return encodeAdmissionReview(webhook(review.value));
}

function measure(count: number): number[] {
  const times: number[] = [];
  for (let round = 0; round < count; round++) {
    for (const { body, answer } of cases) {
      const start = process.hrtime.bigint();
      answer(body);
      times.push(Number(process.hrtime.bigint() - start) / 1e6);
    }
  }
  return times.toSorted((a, b) => a - b);
}

const show = (label: string, times: readonly number[]) => {
  const at = (share: number) => (times[Math.min(Math.floor(times.length * share), times.length - 1)] ?? 0).toFixed(3);
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  console.log(
    `${label}: ${times.length} reviews, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms, mean ${mean.toFixed(3)} ms`,
  );
  return mean;
};

show('from a cold start', measure(1));
const mean = show('warm', measure(rounds));
console.log(`${perSecond} pods a second take ${((mean * perSecond) / 10).toFixed(2)} % of one processor`);
