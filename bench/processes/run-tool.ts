import { spawn } from 'node:child_process';

/** Runs a load generator to its end and gives what it wrote. Throws when it fails, and kills it when `signal` aborts. */
export async function runTool(command: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const end = await new Promise<string | number | null>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code, by) => done(by ?? code));
  });
  if (end !== 0) throw new Error(`${command} ended with ${end}: ${(errors + output).trim().slice(-600)}`);
  return output;
}
