/** The formats of `-o`, kubectl's. What prints them is loaded with the verbs that print. */
import { CommandError, exitCodes } from '../command-error.ts';

export const outputFormats = ['table', 'wide', 'json', 'yaml', 'jsonl', 'name'] as const;
export type OutputFormat = (typeof outputFormats)[number];

/** The format named by `-o`, or an error that lists them. */
export function parseOutputFormat(name: string): OutputFormat {
  const format = outputFormats.find((known) => known === name);
  if (format === undefined)
    throw new CommandError(
      exitCodes.usage,
      `there is no output format ${name}`,
      `use one of ${outputFormats.join(', ')}`,
    );
  return format;
}
