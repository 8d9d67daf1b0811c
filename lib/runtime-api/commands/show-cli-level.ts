/** `show cli level`: what this connection may do. The answer is one word, the same on 2.2 to 3.2. */

import { ReplyNotUnderstood } from '../errors.ts';
import { type CommandCodec, messageOf, refusal } from './codec.ts';

const COMMAND = 'show cli level';

/** HAProxy's own words; only `admin` may change servers. */
export type RuntimeLevel = 'admin' | 'operator' | 'user';

export const showCliLevel: CommandCodec<undefined, RuntimeLevel> = {
  encode() {
    return COMMAND;
  },

  /**
   * @throws CommandRefused for an answer of more than one word.
   * @throws ReplyNotUnderstood for a level that is not known.
   */
  read(_asked, reply) {
    const level = messageOf(reply);
    if (level === 'admin' || level === 'operator' || level === 'user') return level;
    if (/^\w+$/.test(level)) throw new ReplyNotUnderstood(COMMAND, `its level is ${level}`);
    throw refusal(COMMAND, reply);
  },
};
