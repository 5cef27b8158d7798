import { CommanderError } from 'commander';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { CommandError, exitCodes } from './command-error.ts';
import { buildProgram, commanderExitCode } from './program.ts';

// A reader that has seen enough (`| head`) closes the pipe: nothing is left to say to it.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed),
);

const program = buildProgram((exitCode) => {
  process.exitCode = exitCode;
});
try {
  // Walks through all verbs: not for those that a pod's start waits for.
  if (process.argv[2] !== 'capture') (await import('./completion.ts')).addCompletion(program);
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = commanderExitCode(error);
  else if (error instanceof CommandError) {
    console.error(`error: ${error.message}`);
    if (error.hint !== '') console.error(`hint: ${error.hint}`);
    process.exitCode = error.exitCode;
  } else {
    console.error(`error: ${describeError(error)}`);
    process.exitCode = exitCodes.failed;
  }
}
