import { expect, test } from 'vitest';
import type { Fleet } from '../../lib/model/fleet.ts';
import { stateFileNotes } from '../../lib/sync/state-file-notes.ts';
import { policy } from '../slots/records.ts';

const HEADER =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord';

/** Two slots and a server that is none, as HAProxy 2.2 lists them. */
function stateOf(fqdn: string): string {
  const line = (name: string, at: string) =>
    `3 be_template 1 ${name} 127.0.0.1 0 5 1 1 0 1 0 0 14 0 0 0 ${at} 8080 -`;
  return `1\n${HEADER}\n${line('websrv1', fqdn)}\n${line('websrv2', fqdn)}\n${line('static', '-')}\n`;
}

const FLEET: Fleet = {
  name: 'edge',
  instances: [],
  tls: {},
  instancesFrom: null,
  snapshotEveryMs: 0,
  reportEveryMs: 0,
  shard: 50,
  timeoutMs: 5_000,
  template: null,
  backends: [policy()],
};

test('servers at literal addresses are noted once for each backend', () => {
  const notes = stateFileNotes(FLEET, stateOf('-'));
  expect(notes).toEqual([expect.stringMatching(/^the servers of be_template are declared by IP address/)]);
});

test('servers that have a name are not', () => {
  expect(stateFileNotes(FLEET, stateOf('slot.invalid'))).toEqual([]);
});

test('a rendered configuration needs no state file', () => {
  const template = { path: 'edge.cfg.j2', text: '' };
  expect(stateFileNotes({ ...FLEET, template }, stateOf('-'))).toEqual([]);
});

test('an instance without the backend has nothing to note', () => {
  expect(stateFileNotes(FLEET, `1\n${HEADER}\n`)).toEqual([]);
});
