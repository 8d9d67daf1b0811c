/** Which command carries which change. */

import type { RuntimeCommand } from '../../model/command.ts';
import type { CommandOutcome } from '../runtime-session.ts';
import { addServer } from './add-server.ts';
import { delServer } from './del-server.ts';
import { enableCheck } from './enable-check.ts';
import { setAddr } from './set-addr.ts';
import { setState } from './set-state.ts';
import { setWeight } from './set-weight.ts';

/** A change in words, with the reader of the reply to exactly these words. */
export interface EncodedChange {
  readonly line: string;
  read(reply: string): CommandOutcome;
}

/** @throws RangeError when a value must not go on the wire; see the command's own file. */
export function encodeChange(change: RuntimeCommand): EncodedChange {
  switch (change.kind) {
    case 'set-addr':
      return { line: setAddr.encode(change), read: (reply) => setAddr.read(change, reply) };
    case 'set-state':
      return { line: setState.encode(change), read: (reply) => setState.read(change, reply) };
    case 'set-weight':
      return { line: setWeight.encode(change), read: (reply) => setWeight.read(change, reply) };
    case 'add-server':
      return { line: addServer.encode(change), read: (reply) => addServer.read(change, reply) };
    case 'enable-health':
    case 'enable-agent':
      return { line: enableCheck.encode(change), read: (reply) => enableCheck.read(change, reply) };
    case 'del-server':
      return { line: delServer.encode(change), read: (reply) => delServer.read(change, reply) };
  }
}
