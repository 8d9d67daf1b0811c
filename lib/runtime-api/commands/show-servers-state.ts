/**
 * `show servers state [BACKEND]`: what HAProxy knows about its servers, in the format of its state file.
 *
 * The first line is the format's version, the second names the columns after a `#`, then one line per server. 2.2
 * has 20 columns, 2.6 to 3.2 have 25, so columns are found by name.
 */

import { adminStateOf } from '../../model/admin-state.ts';
import { parseIpAddress } from '../../model/ip-address.ts';
import { LONGEST_SHOWN } from '../../model/limits.ts';
import type { CheckState, ObservedServer } from '../../model/observed.ts';
import { printable } from '../../model/printable.ts';
import { ReplyNotUnderstood } from '../errors.ts';
import type { ServersState } from '../runtime-session.ts';
import { type CommandCodec, refusal } from './codec.ts';
import { decimal } from './decimal.ts';
import { backendReference } from './server-reference.ts';

/** Where a column is in a line. */
const NOWHERE = {
  be_name: -1,
  srv_id: -1,
  srv_name: -1,
  srv_addr: -1,
  srv_port: -1,
  srv_op_state: -1,
  srv_admin_state: -1,
  srv_uweight: -1,
  srv_iweight: -1,
  srv_check_state: -1,
  srv_agent_state: -1,
  srv_f_forced_id: -1,
  srv_use_ssl: -1,
};
type Column = keyof typeof NOWHERE;
type Positions = Readonly<Record<Column, number>>;

/** 2.2 does not have it. */
const OPTIONAL = 'srv_use_ssl';

/** Bits of `srv_check_state` and `srv_agent_state`; haproxy/check-t.h, and measured on 2.2 to 3.2. */
const CHECK_CONFIGURED = 0x02;
const CHECK_ENABLED = 0x04;

/** `srv_op_state`; haproxy/server-t.h, enum srv_state, and measured on 2.2 to 3.2. */
const OPERATIONAL = ['stopped', 'starting', 'running', 'stopping'] as const;

/** The largest that HAProxy has: of ports, weights, and bit masks (which JavaScript's operators read as 32 bits). */
const MOST = { port: 65_535, weight: 256, mask: 0xffff } as const;

export interface ShowServersStateAsked {
  /** Absent: all backends. */
  readonly backend?: string;
}

export const showServersState: CommandCodec<ShowServersStateAsked, ServersState> = {
  /** @throws RangeError for a name outside the allow-list. */
  encode({ backend }) {
    return backend === undefined ? 'show servers state' : `show servers state ${backendReference(backend)}`;
  },

  /** As {@link ServersStateReader.read}. */
  read(asked, reply) {
    return new ServersStateReader().read(asked, reply);
  },
};

/**
 * Reads one reply after the other of one HAProxy. A pass reads the state several times within moments and changes few
 * servers, so a line that is the same as it was in the same place is not read anew.
 */
export class ServersStateReader {
  #header: string | undefined;
  #at: Positions = NOWHERE;
  #lines: readonly string[] = [];
  /** Of `#lines`, one for each. */
  #servers: readonly ObservedServer[] = [];

  /**
   * A backend without servers, or an HAProxy without backends: no servers.
   *
   * @throws CommandRefused for an answer that is a message, such as `Can't find backend.`
   * @throws ReplyNotUnderstood for a format version other than 1, a missing column, or a value that is none.
   */
  read(asked: ShowServersStateAsked, reply: string): ServersState {
    const command = showServersState.encode(asked);
    const [version = '', header = '', ...rest] = reply.split('\n');
    if (!/^\d+\s*$/.test(version)) throw refusal(command, reply);
    if (version.trim() !== '1') {
      throw new ReplyNotUnderstood(command, `its format is version ${version}, and only version 1 is known`);
    }
    if (header !== this.#header) {
      this.#at = positionsIn(command, header);
      this.#header = header;
      this.#lines = [];
    }
    const lines = rest.filter((line) => line.trim() !== '');
    const servers = lines.map((line, index) => {
      const known = line === this.#lines[index] ? this.#servers[index] : undefined;
      return known ?? observedServer(command, line, this.#at);
    });
    this.#lines = lines;
    this.#servers = servers;
    return { raw: reply, servers };
  }
}

/** @throws ReplyNotUnderstood when a column is missing. */
function positionsIn(command: string, header: string): Positions {
  const names = header.replace(/^#\s*/, '').trim().split(' ');
  const at = { ...NOWHERE };
  for (const [index, name] of names.entries()) if (isColumn(name)) at[name] = index;
  const missing = Object.entries(at).filter(([column, index]) => index === -1 && column !== OPTIONAL);
  if (missing.length === 0) return at;
  throw new ReplyNotUnderstood(command, `it has no column ${missing.map(([column]) => column).join(', ')}`);
}

function isColumn(name: string): name is Column {
  return Object.hasOwn(NOWHERE, name);
}

/** @throws ReplyNotUnderstood when a value is missing or none. */
function observedServer(command: string, line: string, at: Positions): ObservedServer {
  const values = line.trim().split(' ');
  const text = (column: Column): string => {
    const value = values[at[column]];
    if (value === undefined) throw new ReplyNotUnderstood(command, `a line without ${column}: ${line}`);
    return value;
  };
  const not = (column: Column) => new ReplyNotUnderstood(command, `${text(column)} is no ${column}: ${line}`);
  const number = (column: Column, most = Number.MAX_SAFE_INTEGER): number => {
    const value = decimal(text(column));
    if (value === undefined || value > most) throw not(column);
    return value;
  };
  const operational = OPERATIONAL[number('srv_op_state')];
  if (operational === undefined) throw not('srv_op_state');
  const adminMask = number('srv_admin_state', MOST.mask);
  return {
    backend: text('be_name'),
    server: text('srv_name'),
    address: canonical(text('srv_addr')),
    port: number('srv_port', MOST.port),
    admin: adminStateOf(adminMask),
    adminMask,
    operational,
    weight: number('srv_uweight', MOST.weight),
    configuredWeight: number('srv_iweight', MOST.weight),
    id: number('srv_id'),
    forcedId: number('srv_f_forced_id') === 1,
    healthCheck: checkState(number('srv_check_state', MOST.mask)),
    agentCheck: checkState(number('srv_agent_state', MOST.mask)),
    ssl: values[at.srv_use_ssl] === '1',
  };
}

function checkState(mask: number): CheckState {
  if ((mask & CHECK_CONFIGURED) === 0) return 'none';
  return (mask & CHECK_ENABLED) === 0 ? 'disabled' : 'enabled';
}

/** HAProxy prints addresses as inet_ntop does, which is canonical already for those that cannot serve (0.0.0.0, ::). */
function canonical(printed: string): string {
  const parsed = parseIpAddress(printed);
  return typeof parsed === 'string' ? parsed : printable(printed, LONGEST_SHOWN.address);
}
