// Preloaded into every process that `meshctl up` starts: when the parent is gone, so is this process, however the parent went.
//
// The parent holds the other end of this process's standard input and never writes to it. When the parent ends, by itself or by
// SIGKILL, the kernel closes that end, and this reads the end of the stream at once. Neither a signal handler of the parent (none
// runs on SIGKILL), nor asking for the parent's process id now and then (late, and wrong where a subreaper adopts), nor
// PR_SET_PDEATHSIG (Linux only, and needs native code) does as well.
import { isMainThread } from 'node:worker_threads';

/** Longer than a sidecar drains under `meshctl up`. */
const graceMs = 3000;

if (isMainThread) {
  let isOrphan = false;
  const leave = () => {
    if (isOrphan) return;
    isOrphan = true;
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), graceMs).unref();
  };
  process.stdin.on('end', leave);
  process.stdin.on('close', leave);
  process.stdin.on('error', leave);
  process.stdin.resume();
  // Waiting for the parent must not keep a process alive that has nothing else to do.
  process.stdin.unref?.();
}
