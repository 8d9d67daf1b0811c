/** What a program leaves behind: looked for among all processes, and in a folder for temporary files of its own. */

import { readdirSync, readFileSync } from 'node:fs';
import { isAlive } from '../../../../infra/local/process.ts';

/** Ids of the living processes whose parent is `parent`. */
export function childrenOf(parent: number): number[] {
  return processes().filter((pid) => parentOf(pid) === parent && isAlive(pid));
}

/** Command lines of the living processes that name `text`. */
export function processesNaming(text: string): string[] {
  return processes()
    .filter((pid) => pid !== process.pid && isAlive(pid))
    .map(commandLineOf)
    .filter((command) => command.includes(text));
}

function processes(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0);
}

function parentOf(pid: number): number | undefined {
  const status = textOf(`/proc/${pid}/status`);
  return Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]);
}

function commandLineOf(pid: number): string {
  return textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
