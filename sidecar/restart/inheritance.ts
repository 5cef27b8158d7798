/** What a successor is told at its start: which descriptors it has got, in the environment variable TULLE_INHERITED. */
import { fail, ok, problem, type Problem, type Result } from '#shared/runtime/result.ts';
import type { HandedSocket } from '../net/listening-sockets.ts';

export type Inheritance = Readonly<{
  /** The listening sockets of the predecessor. */
  sockets: readonly HandedSocket[];
  /** The lines to the process that stays as long as a sidecar runs (`watched-line.ts`). */
  line: number;
  life: number;
}>;

export const inheritanceVariable = 'TULLE_INHERITED';

/** As the variable has it. */
export function encodeInheritance(inheritance: Inheritance): string {
  return JSON.stringify(inheritance);
}

/** Reads the variable; null for a sidecar that follows on nobody. */
export function parseInheritance(text: string | undefined): Result<Inheritance | null> {
  if (text === undefined || text === '') return ok(null);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail([problem(inheritanceVariable, 'is not JSON')]);
  }
  const { sockets, line, life } = Object(value) as Record<string, unknown>;
  const problems: Problem[] = [];
  for (const [name, fd] of Object.entries({ line, life }))
    if (!isDescriptor(fd)) problems.push(problem(`${inheritanceVariable}.${name}`, 'is not a descriptor'));
  if (!Array.isArray(sockets)) problems.push(problem(`${inheritanceVariable}.sockets`, 'is not a list'));
  const handed = Array.isArray(sockets) ? sockets.map((socket, index) => parseSocket(socket, index, problems)) : [];
  return problems.length === 0 ? ok({ sockets: handed, line: Number(line), life: Number(life) }) : fail(problems);
}

function parseSocket(value: unknown, index: number, problems: Problem[]): HandedSocket {
  const { name, address, port, fd } = Object(value) as Record<string, unknown>;
  const isGood = typeof name === 'string' && typeof address === 'string' && isPort(port) && isDescriptor(fd);
  if (!isGood) {
    const message = 'is not a socket with name, address, port and fd';
    problems.push(problem(`${inheritanceVariable}.sockets[${index}]`, message));
  }
  return { name: String(name), address: String(address), port: Number(port), fd: Number(fd) };
}

const isDescriptor = (value: unknown) => typeof value === 'number' && Number.isInteger(value) && value > 2;
const isPort = (value: unknown) =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535;
