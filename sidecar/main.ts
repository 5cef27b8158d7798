import { podCommand } from './commands/pod-command.ts';
import { ownEnvironment } from './commands/settings.ts';

const args = process.argv.slice(2);
const command = podCommand(args, ownEnvironment());
if (command === null) {
  // Not before it is known that it is the sidecar itself: commands of a hook are to be there at once.
  const { start } = await import('./start.ts');
  await start(args, {
    print: (text) => console.log(text),
    complain: (text) => console.error(text),
    exit: (exitCode) => process.exit(exitCode),
  });
} else {
  const { exitCode, says } = await command;
  if (says !== '' && exitCode === 0) console.log(says);
  else if (says !== '') console.error(says);
  process.exitCode = exitCode;
}
