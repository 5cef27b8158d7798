/** The environment of the commands that hooks of a pod run; `../settings.ts` would be too much to load for them. */

/** This process's. */
export function ownEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
