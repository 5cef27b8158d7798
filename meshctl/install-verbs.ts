/** The verbs that work on a Kubernetes cluster as a whole. What they do is loaded only when they are called. */
import type { Command } from 'commander';
import type { BugReportFlags } from './commands/bug-report.ts';
import type { CheckFlags } from './commands/check.ts';
import type { InstallFlags } from './commands/install.ts';
import type { UninstallFlags } from './commands/uninstall.ts';
import { toContext, type GlobalFlags } from './context.ts';

const context = (command: Command) => toContext(command.optsWithGlobals<GlobalFlags>());

const onCluster = (command: Command) =>
  command
    .option('--kubeconfig <file>', 'kubeconfig of the cluster (default: $KUBECONFIG, else ~/.kube/config)')
    .option('--context <name>', 'context of the kubeconfig');

/** Adds `install`, `uninstall`, `check` and `bug-report`. */
export function addInstallVerbs(program: Command, finish: (exitCode: number) => void): void {
  onCluster(program.command('install'))
    .description('put Tulle into a Kubernetes cluster, or upgrade it; -n names another namespace than tulle-system')
    .option('--replicas <n>', 'replicas of the control plane (default: 2, then as an autoscaler has it)')
    .option('--image-registry <host/path>', 'put before the names of all images')
    .option('--image <image>', 'image of the control plane')
    .option('--sidecar-image <image>', 'image of the sidecars')
    .option('--mesh-config <file>', "mesh-wide settings: the YAML of Istio's MeshConfig")
    .option('--skip-crds', 'leave the definitions of the config kinds alone, when others bring them')
    .option('--force-conflicts', 'take fields that another tool has set')
    .option('--dry-run', 'print the YAML only, without a cluster')
    .option('--no-wait', 'do not wait until the control plane is ready')
    .option('--timeout <duration>', 'give up waiting after', '5m')
    .action(async (options: InstallFlags, command: Command) =>
      finish(await (await import('./commands/install.ts')).install(context(command), options)),
    );
  onCluster(program.command('uninstall'))
    .description('take Tulle out of a Kubernetes cluster')
    .option('--purge', 'also the definitions of the config kinds, and with them every resource of these kinds')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'say what would be deleted only')
    .option('--timeout <duration>', 'give up waiting after', '5m')
    .action(async (options: UninstallFlags, command: Command) =>
      finish(await (await import('./commands/uninstall.ts')).uninstall(context(command), options)),
    );
  onCluster(program.command('check'))
    .description('find out what is wrong with an installation, and what to do about it; exits 79 on errors')
    .option('--pre', 'whether Tulle can be installed')
    .action(async (options: CheckFlags, command: Command) =>
      finish(await (await import('./commands/check.ts')).check(context(command), options)),
    );
  onCluster(program.command('bug-report'))
    .description('gather versions, configuration, logs and checks into one archive, without keys and tokens')
    .option('--file <file.tar.gz>', 'archive to write (default: tulle-bug-report-TIME.tar.gz)')
    .option('--proxies <n>', 'at most so many proxies', '5')
    .action(async (options: BugReportFlags, command: Command) =>
      finish(await (await import('./commands/bug-report.ts')).bugReport(context(command), options)),
    );
}
