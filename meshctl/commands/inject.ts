import { writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { InjectionSettings } from '#shared/injection/injection-settings.ts';
import { parseInjectionSettings } from '#shared/injection/parse-settings.ts';
import { describeError } from '#shared/runtime/mesh-error.ts';
import { formatProblems } from '#shared/runtime/result.ts';
import { CommandError, exitCodes } from '../command-error.ts';
import { injectText } from '../inject/inject-text.ts';
import { readInput } from '../read-input.ts';
import { fromCallerFolder } from '../settings.ts';

/** The flags of `meshctl inject`. */
export type InjectFlags = Readonly<{
  filename: string[];
  meshConfig?: string;
  injectorConfig?: string;
  native: 'auto' | 'true' | 'false';
  controlPlane?: string;
  namespace?: string;
  /** Where to; null: standard output. */
  outputFile: string | null;
}>;

/** Where text goes. */
export type InjectOutput = Readonly<{ out: (text: string) => void; note: (text: string) => void }>;

/**
 * `meshctl inject -f`: the files with sidecars in their pods, by the same function as the webhook. Nothing is written if anything is
 * refused; then it exits 65. `image` is the sidecar's of this version.
 */
export function injectFiles(flags: InjectFlags, image: string, { out, note }: InjectOutput): number {
  const settings = readSettings(flags, image, note);
  const facts = {
    settings,
    namespace: flags.namespace ?? 'default',
    // Nothing is asked here: clusters take them since Kubernetes 1.29.
    takesNativeSidecars: flags.native !== 'false',
  };
  let hasProblem = false;
  const texts = readInput(flags.filename).map(({ file, text }) => {
    const result = injectText(text, facts);
    for (const line of [...result.problems, ...result.notes]) note(`${file}: ${line}`);
    hasProblem ||= result.problems.length > 0;
    return result.text;
  });
  if (hasProblem) return exitCodes.badInput;
  const all = joinTexts(texts);
  if (flags.outputFile === null) out(all);
  else writeOutput(flags.outputFile, all);
  return exitCodes.ok;
}

function readSettings(flags: InjectFlags, image: string, note: (text: string) => void): InjectionSettings {
  const settings = parseInjectionSettings({
    injector: readDocument(flags.injectorConfig),
    mesh: readDocument(flags.meshConfig),
    image,
  });
  if (!settings.ok) throw new CommandError(exitCodes.badInput, formatProblems(settings.problems));
  for (const one of settings.warnings) note(`warning: ${formatProblems([one])}`);
  return {
    ...settings.value,
    nativeSidecars: flags.native === 'auto' ? settings.value.nativeSidecars : flags.native === 'true',
    controlPlane: flags.controlPlane ?? settings.value.controlPlane,
  };
}

function readDocument(path: string | undefined): unknown {
  if (path === undefined) return undefined;
  const [input] = readInput([path]);
  try {
    return parse(input?.text ?? '', { uniqueKeys: true });
  } catch (error) {
    throw new CommandError(exitCodes.badInput, `cannot read ${path}: ${describeError(error)}`);
  }
}

/** Files one after another, as documents of one; a file by itself stays as it is. */
function joinTexts(texts: readonly string[]): string {
  return texts.reduce((before, text) => {
    const ended = before.endsWith('\n') ? before : `${before}\n`;
    return ended + (/^(?:---|%)/.test(text) ? text : `---\n${text}`);
  });
}

function writeOutput(path: string, text: string): void {
  try {
    writeFileSync(fromCallerFolder(path), text);
  } catch (error) {
    throw new CommandError(exitCodes.failed, `cannot write ${path}: ${describeError(error)}`);
  }
}
