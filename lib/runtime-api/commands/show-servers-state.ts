/**
 * `show servers state [BACKEND]`: what HAProxy knows about its servers, in the format of its state file.
 *
 * The first line is the format's version, the second names the columns after a `#`, then one line per server. 2.2
 * has 20 columns, 2.6 to 3.2 have 25, so columns are found by name.
 */

import { adminStateOf } from '../../model/admin-state.ts';
import { parseIpAddress } from '../../model/ip-address.ts';
import type { CheckState, ObservedServer } from '../../model/observed.ts';
import { ReplyNotUnderstood } from '../errors.ts';
import type { ServersState } from '../runtime-session.ts';
import { type CommandCodec, refusal } from './codec.ts';
import { backendReference } from './server-reference.ts';

const COLUMNS = [
  'be_name',
  'srv_id',
  'srv_name',
  'srv_addr',
  'srv_port',
  'srv_op_state',
  'srv_admin_state',
  'srv_uweight',
  'srv_iweight',
  'srv_check_state',
  'srv_agent_state',
  'srv_f_forced_id',
] as const;
type Column = (typeof COLUMNS)[number];

/** Bits of `srv_check_state` and `srv_agent_state`; haproxy/check-t.h, and measured on 2.2 to 3.2. */
const CHECK_CONFIGURED = 0x02;
const CHECK_ENABLED = 0x04;

/** `srv_op_state`; haproxy/server-t.h, enum srv_state, and measured on 2.2 to 3.2. */
const OPERATIONAL = ['stopped', 'starting', 'running', 'stopping'] as const;

export const showServersState: CommandCodec<{ readonly backend?: string }, ServersState> = {
  /** @throws RangeError for a name outside the allow-list. */
  encode({ backend }) {
    return backend === undefined ? 'show servers state' : `show servers state ${backendReference(backend)}`;
  },

  /**
   * A backend without servers, or an HAProxy without backends: no servers.
   *
   * @throws CommandRefused for an answer that is a message, such as `Can't find backend.`
   * @throws ReplyNotUnderstood for a format version other than 1, a missing column, or a value that is none.
   */
  read(asked, reply) {
    const command = this.encode(asked);
    const [version = '', header = '', ...lines] = reply.split('\n');
    if (!/^\d+\s*$/.test(version)) throw refusal(command, reply);
    if (version.trim() !== '1') {
      throw new ReplyNotUnderstood(command, `its format is version ${version}, and only version 1 is known`);
    }
    const row = rowReader(command, header);
    return {
      raw: reply,
      servers: lines.filter((line) => line.trim() !== '').map((line) => observedServer(row(line))),
    };
  },
};

interface Row {
  /** A column that not every version has; undefined where it is missing. */
  optional(column: 'srv_use_ssl'): string | undefined;
  text(column: Column): string;
  number(column: Column): number;
  not(column: Column): ReplyNotUnderstood;
}

/** @throws ReplyNotUnderstood when the header lacks a column; the function it returns, when a line lacks a value. */
function rowReader(command: string, header: string): (line: string) => Row {
  const names = header.replace(/^#\s*/, '').trim().split(' ');
  const missing = COLUMNS.filter((column) => !names.includes(column));
  if (missing.length > 0) throw new ReplyNotUnderstood(command, `it has no column ${missing.join(', ')}`);
  return (line) => {
    const values = line.trim().split(' ');
    const text = (column: Column): string => {
      const value = values[names.indexOf(column)];
      if (value === undefined) throw new ReplyNotUnderstood(command, `a line without ${column}: ${line}`);
      return value;
    };
    const not = (column: Column) =>
      new ReplyNotUnderstood(command, `${text(column)} is no ${column}: ${line}`);
    return {
      optional: (column) => values[names.indexOf(column)],
      text,
      not,
      number(column) {
        const value = text(column);
        if (!/^\d+$/.test(value)) throw not(column);
        return Number(value);
      },
    };
  };
}

function observedServer(row: Row): ObservedServer {
  const operational = OPERATIONAL[row.number('srv_op_state')];
  if (operational === undefined) throw row.not('srv_op_state');
  const adminMask = row.number('srv_admin_state');
  return {
    backend: row.text('be_name'),
    server: row.text('srv_name'),
    address: canonical(row.text('srv_addr')),
    port: row.number('srv_port'),
    admin: adminStateOf(adminMask),
    adminMask,
    operational,
    weight: row.number('srv_uweight'),
    configuredWeight: row.number('srv_iweight'),
    id: row.number('srv_id'),
    forcedId: row.number('srv_f_forced_id') === 1,
    healthCheck: checkState(row.number('srv_check_state')),
    agentCheck: checkState(row.number('srv_agent_state')),
    ssl: row.optional('srv_use_ssl') === '1',
  };
}

function checkState(mask: number): CheckState {
  if ((mask & CHECK_CONFIGURED) === 0) return 'none';
  return (mask & CHECK_ENABLED) === 0 ? 'disabled' : 'enabled';
}

/** HAProxy prints addresses as inet_ntop does, which is canonical already for those that cannot serve (0.0.0.0, ::). */
function canonical(printed: string): string {
  const parsed = parseIpAddress(printed);
  return typeof parsed === 'string' ? parsed : printed;
}
