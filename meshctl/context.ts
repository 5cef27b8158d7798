import { AdminClient } from './admin-client.ts';
import { parseOutputFormat, type OutputFormat } from './output/formats.ts';
import { findControlPlane } from './settings.ts';

/** The flags that every command has. */
export type GlobalFlags = Readonly<{
  admin?: string;
  dataDir?: string;
  namespace?: string;
  allNamespaces?: boolean;
  output: string;
  headers: boolean;
  sortBy?: string;
}>;

/** What a command works with. */
export type CommandContext = Readonly<{
  admin: AdminClient;
  /** Null: all namespaces. */
  namespace: string | null;
  format: OutputFormat;
  withHeaders: boolean;
  sortBy: string | null;
  out: (text: string) => void;
  note: (text: string) => void;
}>;

/** The context of the given flags. */
export function toContext(flags: GlobalFlags): CommandContext {
  return {
    admin: new AdminClient(findControlPlane(flags)),
    namespace: flags.allNamespaces === true ? null : (flags.namespace ?? null),
    format: parseOutputFormat(flags.output),
    withHeaders: flags.headers,
    sortBy: flags.sortBy ?? null,
    out: (text) => process.stdout.write(text),
    note: (text) => process.stderr.write(`${text}\n`),
  };
}
