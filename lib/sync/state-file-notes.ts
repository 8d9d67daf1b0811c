/**
 * Whether an HAProxy that starts from a state file would have its servers' addresses again.
 *
 * It restores them only for servers that are declared by a name, `srv_fqdn`; with a literal address the file's port,
 * weight and state meet the configuration's address (measured on 2.2, 2.6, 3.0 and 3.2). Whether there is a state file
 * at all, the Runtime API does not tell.
 */

import type { Fleet } from '../model/fleet.ts';

/** @param raw a reply to `show servers state`. No notes for a fleet whose configuration Hitless renders. */
export function stateFileNotes({ template, backends }: Fleet, raw: string): string[] {
  if (template !== null) return [];
  const [, header = '', ...lines] = raw.split('\n');
  const names = header.replace(/^#\s*/, '').split(' ');
  const rows = lines.map((line) => line.split(' '));
  const column = (row: readonly string[], name: string) => row[names.indexOf(name)];
  const literal = backends.filter(({ backend, server }) =>
    rows.some(
      (row) =>
        column(row, 'be_name') === backend &&
        column(row, 'srv_name')?.startsWith(server) === true &&
        column(row, 'srv_fqdn') === '-',
    ),
  );
  return literal.map(
    ({ backend }) =>
      `the servers of ${backend} are declared by IP address, so a state file would not restore where they are; infra/host/snippets/state-file.cfg has lines with which it does`,
  );
}
