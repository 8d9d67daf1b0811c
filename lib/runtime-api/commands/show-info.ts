/** `show info`: which HAProxy process answers. Lines of `Name: value`, the same names on 2.2 to 3.2. */

import { LONGEST_SHOWN } from '../../model/limits.ts';
import type { InstanceInfo } from '../../model/observed.ts';
import { printable } from '../../model/printable.ts';
import { ReplyNotUnderstood } from '../errors.ts';
import { type CommandCodec, refusal } from './codec.ts';
import { decimal } from './decimal.ts';

const COMMAND = 'show info';

export const showInfo: CommandCodec<undefined, InstanceInfo> = {
  encode() {
    return COMMAND;
  },

  /**
   * @throws CommandRefused for an answer that has no `Name: value` line.
   * @throws ReplyNotUnderstood when the version, the process id or the uptime is missing or is none, or the start is
   *   none (2.2 has none): a version is a word of visible ASCII characters, the others are numbers that JavaScript
   *   holds exactly.
   */
  read(_asked, reply) {
    const values = new Map<string, string>();
    for (const line of reply.split('\n')) {
      const pair = /^(\w+): (.*)$/.exec(line.trim());
      if (pair?.[1] !== undefined && pair[2] !== undefined) values.set(pair[1], pair[2]);
    }
    if (values.size === 0) throw refusal(COMMAND, reply);
    return {
      version: version(values),
      pid: number(values, 'Pid'),
      uptimeSeconds: number(values, 'Uptime_sec'),
      startedAtSeconds: values.has('Start_time_sec') ? number(values, 'Start_time_sec') : null,
    };
  },
};

type Values = ReadonlyMap<string, string>;

/** Its first word: behind it may be a date. */
function version(values: Values): string {
  const [word = ''] = required(values, 'Version').split(/\s/);
  if (word.length > LONGEST_SHOWN.version || !/^[!-~]+$/.test(word)) throw odd('Version', word);
  return word;
}

function number(values: Values, name: string): number {
  const text = required(values, name);
  const value = decimal(text);
  if (value === undefined) throw odd(name, text);
  return value;
}

function required(values: Values, name: string): string {
  const value = values.get(name) ?? '';
  if (value === '') throw new ReplyNotUnderstood(COMMAND, `it has no ${name}`);
  return value;
}

function odd(name: string, value: string): ReplyNotUnderstood {
  return new ReplyNotUnderstood(COMMAND, `its ${name} is ${printable(value, LONGEST_SHOWN.version)}`);
}
