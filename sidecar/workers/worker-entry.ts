/** Which file worker threads run: `worker.ts` of the sources, and in a bundle what was made of it. */
let entry = new URL('../worker.ts', import.meta.url);

export function workerEntry(): URL {
  return entry;
}

/** For a bundle, before the sidecar starts. */
export function useWorkerEntry(url: URL): void {
  entry = url;
}
