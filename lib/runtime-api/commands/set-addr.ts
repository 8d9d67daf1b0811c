/** `set server BACKEND/SERVER addr ADDRESS port PORT`: where a server is to be reached. */

import type { RuntimeCommand } from '../../model/command.ts';
import type { CommandOutcome } from '../runtime-session.ts';
import { checkedAddress } from './checked-address.ts';
import { type CommandCodec, messageOf, refusal } from './codec.ts';
import { serverReference } from './server-reference.ts';

type SetAddr = Extract<RuntimeCommand, { kind: 'set-addr' }>;

/** 2.2 and 2.6 say `no need to change …` for the half that stays, 3.0 and 3.2 leave it out or say `nothing changed`. */
const CHANGED = /^(?:IP changed from |port changed from |no need to change |nothing changed)/;
/** After `IP changed from`: 2.2 and 2.6 take an address although they refuse its port. */
const HALF_APPLIED = /problem converting|can't change/;

export const setAddr: CommandCodec<SetAddr, CommandOutcome> = {
  /**
   * Always with the port, since HAProxy cannot set a port alone. Any literal IP address is let through, the
   * unspecified placeholder 0.0.0.0 included; whether an address may serve was decided before.
   *
   * @throws RangeError for a name outside the allow-list, an address that is not a plain IPv4 or IPv6 literal, a
   *   port that is not an integer from 1 to 65535 (HAProxy takes 65537 for 1 without a word).
   */
  encode({ backend, server, address, port }) {
    const reference = serverReference({ backend, server });
    const checked = checkedAddress({ address, port });
    return `set server ${reference} addr ${checked.address} port ${checked.port}`;
  },

  /** Success also when nothing had to be changed. On 3.0 and later the change is still on its way then: read it back. */
  read(asked, reply) {
    const message = messageOf(reply);
    if (CHANGED.test(message) && !HALF_APPLIED.test(message)) return { done: true };
    return { done: false, refused: refusal(this.encode(asked), reply) };
  },
};
