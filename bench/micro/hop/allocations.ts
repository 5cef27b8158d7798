/** What a stretch of a program allocates, by function, whether it is collected meanwhile or not. */
import { Session, type HeapProfiler } from 'node:inspector/promises';

const intervalBytes = 8192;

/** Bytes by function, the most first, while `run` goes on. */
export async function allocationsOf(run: () => Promise<void>): Promise<readonly (readonly [string, number])[]> {
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.startSampling', {
    samplingInterval: intervalBytes,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await run();
  const { profile } = await session.post('HeapProfiler.stopSampling');
  session.disconnect();
  const bytes = new Map<string, number>();
  collect(profile.head, bytes);
  return [...bytes].toSorted(([, a], [, b]) => b - a);
}

function collect(
  { callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode,
  bytes: Map<string, number>,
): void {
  const file = callFrame.url.replace(/^.*?(?=sidecar\/|shared\/|bench\/)/, '');
  const key = `${callFrame.functionName} ${file}:${callFrame.lineNumber + 1}`;
  if (selfSize > 0) bytes.set(key, (bytes.get(key) ?? 0) + selfSize);
  for (const child of children) collect(child, bytes);
}
