/** Which command carries which change. */

import type { RuntimeCommand } from '../../model/command.ts';
import type { CommandOutcome } from '../runtime-session.ts';
import { addServer } from './add-server.ts';
import { delServer } from './del-server.ts';
import { enableCheck } from './enable-check.ts';
import { setAddr } from './set-addr.ts';
import { setState } from './set-state.ts';
import { setWeight } from './set-weight.ts';

/**
 * The one line to send.
 *
 * @throws RangeError when a value must not go on the wire; see the command's own file.
 */
export function encodeChange(change: RuntimeCommand): string {
  switch (change.kind) {
    case 'set-addr':
      return setAddr.encode(change);
    case 'set-state':
      return setState.encode(change);
    case 'set-weight':
      return setWeight.encode(change);
    case 'add-server':
      return addServer.encode(change);
    case 'enable-health':
    case 'enable-agent':
      return enableCheck.encode(change);
    case 'del-server':
      return delServer.encode(change);
  }
}

/** What the reply to exactly that line means. */
export function readOutcome(change: RuntimeCommand, reply: string): CommandOutcome {
  switch (change.kind) {
    case 'set-addr':
      return setAddr.read(change, reply);
    case 'set-state':
      return setState.read(change, reply);
    case 'set-weight':
      return setWeight.read(change, reply);
    case 'add-server':
      return addServer.read(change, reply);
    case 'enable-health':
    case 'enable-agent':
      return enableCheck.read(change, reply);
    case 'del-server':
      return delServer.read(change, reply);
  }
}
