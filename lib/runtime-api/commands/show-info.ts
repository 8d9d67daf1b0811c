/** `show info`: which HAProxy process answers. Lines of `Name: value`, the same names on 2.2 to 3.2. */

import type { InstanceInfo } from '../../model/observed.ts';
import { ReplyNotUnderstood } from '../errors.ts';
import { type CommandCodec, refusal } from './codec.ts';

const COMMAND = 'show info';

export const showInfo: CommandCodec<undefined, InstanceInfo> = {
  encode() {
    return COMMAND;
  },

  /**
   * @throws CommandRefused for an answer that has no `Name: value` line.
   * @throws ReplyNotUnderstood when the version, the process id or the uptime is missing or is none.
   */
  read(_asked, reply) {
    const values = new Map<string, string>();
    for (const line of reply.split('\n')) {
      const pair = /^(\w+): (.*)$/.exec(line.trim());
      if (pair?.[1] !== undefined && pair[2] !== undefined) values.set(pair[1], pair[2]);
    }
    if (values.size === 0) throw refusal(COMMAND, reply);
    return {
      version: required(values, 'Version', /^\S+/),
      pid: Number(required(values, 'Pid', /^\d+$/)),
      uptimeSeconds: Number(required(values, 'Uptime_sec', /^\d+$/)),
    };
  },
};

function required(values: ReadonlyMap<string, string>, name: string, form: RegExp): string {
  const found = form.exec(values.get(name) ?? '')?.[0];
  if (found === undefined) throw new ReplyNotUnderstood(COMMAND, `it has no ${name}`);
  return found;
}
