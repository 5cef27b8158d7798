/**
 * Preloaded in every test process (test/run.ts): ends a file that still runs after TULLE_TEST_LIMIT_MS, and says what keeps it. The
 * runner's own limit is one of tests: a file whose tests have ended, but not its timers and sockets, would be waited for without end.
 */
const limitMs = Number(process.env['TULLE_TEST_LIMIT_MS'] ?? Infinity);

if (limitMs < Infinity)
  setTimeout(() => {
    const kept = process.getActiveResourcesInfo().filter((kind) => !/^(?:Pipe|FSReq)/.test(kind));
    console.error(`still runs after ${limitMs / 1000} s, kept by ${[...new Set(kept)].join(', ')}`);
    process.exit(1);
  }, limitMs).unref();
