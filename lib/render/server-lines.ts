/** The server lines of one backend, as they stand in HAProxy's configuration file. */

import { type EndpointAddress, endpointKey } from '../model/endpoint.ts';
import type { BackendPolicy } from '../model/fleet.ts';
import { optionsOf } from '../model/server-options.ts';
import { type BackendSlots, type Slot, slotName } from '../model/slot-table.ts';

/** How far the lines are indented. */
const INDENT = '    ';

type Policy = Pick<BackendPolicy, 'weights' | 'options' | 'placeholder'>;
type Slots = Pick<BackendSlots, 'server' | 'slots'>;

/**
 * One line for each slot, in slot order, indented by four spaces and without a newline at the end.
 *
 * A process that starts with them is where a converged one is: free slots are `disabled` at the placeholder, a
 * draining one has weight 0, for a file cannot say `drain`. A weight is written for every server when Consul gives
 * the weights (1 where it gave none), otherwise for draining ones alone. No slots: the empty text.
 */
export function serverLines(policy: Policy, { server, slots }: Slots): string {
  return slots
    .map((slot, index) => {
      const name = slotName({ server }, index + 1);
      const { address, weight, end } = placed(policy, slot);
      return line(['server', name, endpointKey(address), weight, optionsOf(policy.options, name), end]);
    })
    .join('\n');
}

/** The same lines without what can be changed at run time: `server NAME OPTIONS`. */
export function structureLines(policy: Policy, { server, slots }: Slots): string {
  return slots
    .map((_, index) => {
      const name = slotName({ server }, index + 1);
      return line(['server', name, optionsOf(policy.options, name)]);
    })
    .join('\n');
}

function placed(policy: Policy, slot: Slot): { address: EndpointAddress; weight: string; end: string } {
  if (slot.state === 'free') {
    return { address: policy.placeholder, weight: policy.weights ? 'weight 1' : '', end: 'disabled' };
  }
  if (slot.state === 'draining') return { address: slot, weight: 'weight 0', end: '' };
  return { address: slot, weight: policy.weights ? `weight ${slot.weight ?? 1}` : '', end: '' };
}

function line(words: readonly string[]): string {
  return INDENT + words.filter((word) => word !== '').join(' ');
}
