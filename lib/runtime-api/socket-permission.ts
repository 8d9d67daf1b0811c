/** Who may open a unix socket that this process may not: what an operator must know to change it. */

import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { groupName, userName } from '../files/owner-names.ts';

/** To connect takes the right to write (unix(7)). */
const GROUP_MAY_WRITE = 0o020;
const GROUP_MAY_ENTER = 0o010;

/** One sentence without an end, that names the group. */
export function whoMayOpen(path: string): string {
  const socket = statOf(path);
  if (socket === null) return whoMayEnter(dirname(path));
  const owner = userName(socket.uid);
  if ((socket.mode & GROUP_MAY_WRITE) === 0) {
    return `no permission for this socket, it is for user ${owner} alone: give its \`stats socket\` line \`group haproxy mode 660\`, and this process that group`;
  }
  return `no permission for this socket, it is for user ${owner} and group ${joining(socket.gid)}`;
}

function whoMayEnter(folder: string): string {
  const stat = statOf(folder);
  if (stat === null) return folder === dirname(folder) ? 'no permission' : whoMayEnter(dirname(folder));
  const owner = userName(stat.uid);
  const who =
    (stat.mode & GROUP_MAY_ENTER) === 0
      ? `user ${owner} alone`
      : `user ${owner} and group ${joining(stat.gid)}`;
  return `no permission for the folder ${folder}, it is for ${who}`;
}

/** `haproxy: \`usermod -aG haproxy hitless\` lets this process's user in`. */
function joining(gid: number): string {
  const group = groupName(gid);
  const user = userName(process.getuid?.() ?? 0);
  return `${group}: \`usermod -aG ${group} ${user}\` lets in the user of this process`;
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
