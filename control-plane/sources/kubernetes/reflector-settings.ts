/** Times in ms. */
export type ReflectorSettings = Readonly<{
  backoff: Readonly<{ baseMs: number; maxMs: number }>;
  /** A watch that ends sooner has failed. */
  minLifeMs: number;
  /** A watch on which nothing is heard for this long is given up. */
  silentMs: number;
  /** Without a watch for this long, what is known is said to be old. */
  staleMs: number;
  /** How often a kind that is not there is looked for, and for how long it must be missing before its objects are taken for gone. */
  absentRetryMs: number;
  forgetMs: number;
}>;

export const defaultReflectorSettings: ReflectorSettings = {
  backoff: { baseMs: 500, maxMs: 10_000 },
  minLifeMs: 1000,
  silentMs: 150_000,
  staleMs: 15_000,
  absentRetryMs: 10_000,
  forgetMs: 30_000,
};
