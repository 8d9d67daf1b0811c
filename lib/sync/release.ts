/** `hitless release`: an operator's word to the guard, kept in the slot table for whichever pass comes next. */

import { endpointKey } from '../model/endpoint.ts';
import type { BackendPolicy, Fleet } from '../model/fleet.ts';
import { type SlotTable, slotName, slotsOfBackend } from '../model/slot-table.ts';
import { releaseWithheld } from '../slots/release.ts';
import { slotTableKey } from '../store/keys.ts';
import { decodeSlotTable, encodeSlotTable } from '../store/slot-table-document.ts';
import { backendStatus, type WithheldChange } from './backend-status.ts';
import { nextConfiguration } from './next-configuration.ts';
import type { SyncPorts } from './ports.ts';
import { publish } from './publish.ts';
import { inTurn } from './turn.ts';

/** Somebody else publishing this often between our read and our write is not a race any more. */
const MOST_RACES = 20;

export interface Released {
  /** Of the table with the release in it; 0: there is no table, or none with this backend. */
  readonly generation: number;
  /** What this release let go. */
  readonly released: readonly WithheldChange[];
  /** What stays withheld, because Consul has no endpoint for the backend at all and `empty` was not said. */
  readonly staying: readonly WithheldChange[];
}

/**
 * Lets go what is withheld in `policy`'s backend; asks neither Consul nor a load balancer. The next pass drains it or
 * puts it in maint as usual; what Consul has ready again by then stays. Repeating it does no harm.
 *
 * @throws StoreFailed, TurnNotFree, DocumentInvalid, TemplateInvalid; nothing was released then.
 */
export async function releaseBackend(
  ports: Pick<SyncPorts, 'store' | 'log'>,
  fleet: Fleet,
  policy: BackendPolicy,
  options: { readonly empty: boolean },
): Promise<Released> {
  return inTurn(ports, fleet, undefined, () => releaseInTurn(ports, fleet, policy, options));
}

async function releaseInTurn(
  ports: Pick<SyncPorts, 'store' | 'log'>,
  fleet: Fleet,
  policy: BackendPolicy,
  options: { readonly empty: boolean },
): Promise<Released> {
  const key = slotTableKey(fleet.name);
  for (let race = 0; race < MOST_RACES; race += 1) {
    const stored = await ports.store.get(key);
    const table = stored === null ? null : decodeSlotTable(key, stored.body);
    const before = table === null ? undefined : slotsOfBackend(table, policy.backend);
    if (stored === null || table === null || before === undefined) return NOTHING;
    const { slots, released, staying } = releaseWithheld(before, options);
    const told = withheldAt(policy, table);
    const result = { released: told(released), staying: told(staying) };
    if (released.length === 0) return { generation: table.generation, ...result };

    const backends = { ...table.backends, [policy.backend]: slots };
    const { digests, rendering, configuration } = nextConfiguration(fleet, table, { ...table, backends });
    const generation = table.generation + 1;
    const made = { generation, configuration: digests, ...(rendering && { rendering }), backends };
    const next: SlotTable = { ...table, ...made };
    const text = encodeSlotTable(next);
    if ((await ports.store.putIf(key, text, stored.etag)) === 'lost-race') continue;
    tell(ports, fleet, policy, generation, result.released);
    const previous = { table, text: stored.body };
    await publish(ports, fleet, { table: next, text, configuration, previous }).catch((failed: unknown) => {
      // The release is done; what could not be written beside the table, the next pass writes, and counts on.
      ports.log({ event: 'failed', level: 'error', fleet: fleet.name, error: String(failed) });
    });
    return { generation, ...result };
  }
  throw new Error(`fleet ${fleet.name}: lost the race for its slot table ${MOST_RACES} times; try again`);
}

const NOTHING: Released = { generation: 0, released: [], staying: [] };

/** What the table says is withheld, by slot numbers. */
function withheldAt(policy: BackendPolicy, table: SlotTable) {
  const { withheld } = backendStatus(policy, table);
  const slots = slotsOfBackend(table, policy.backend);
  return (numbers: readonly number[]): WithheldChange[] => {
    const names = new Set(numbers.map((number) => (slots === undefined ? '' : slotName(slots, number))));
    return withheld.filter(({ slot }) => names.has(slot));
  };
}

function tell(
  { log }: Pick<SyncPorts, 'log'>,
  fleet: Fleet,
  { backend }: BackendPolicy,
  generation: number,
  released: readonly WithheldChange[],
): void {
  log({ event: 'table_published', level: 'info', fleet: fleet.name, generation });
  for (const { slot, address, port, reason } of released) {
    const facts = { server: slot, endpoint: endpointKey({ address, port }), reason, generation };
    log({ event: 'change_released', level: 'warn', fleet: fleet.name, backend, ...facts });
  }
}
