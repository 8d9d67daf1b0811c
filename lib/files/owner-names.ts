/** The names of users and groups, as this machine has them. */

import { readFileSync } from 'node:fs';

/** As /etc/passwd has it; the number where it does not. */
export function userName(uid: number): string {
  return nameIn('/etc/passwd', uid);
}

/** As /etc/group has it; the number where it does not. */
export function groupName(gid: number): string {
  return nameIn('/etc/group', gid);
}

function nameIn(path: string, id: number): string {
  try {
    const line = readFileSync(path, 'utf8')
      .split('\n')
      .map((text) => text.split(':'))
      .find(([, , number]) => number === String(id));
    return line?.[0] || String(id);
  } catch {
    return String(id);
  }
}
