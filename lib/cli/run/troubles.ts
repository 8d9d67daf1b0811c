/** What is wrong is said when it begins, when it changes and when it is over, not with every pass. */

import { visible } from '../../model/printable.ts';
import { slotName } from '../../model/slot-table.ts';
import type { PassResult } from '../../sync/pass.ts';
import { some } from '../output/words.ts';

/** A sentence for each, by what it is about: `instance lb1`, `reading Consul`. */
export type Troubles = ReadonlyMap<string, string>;

export function troublesOf(result: PassResult): Troubles {
  const troubles = new Map<string, string>();
  for (const { report } of result.applied) {
    if (report.converged) continue;
    troubles.set(`instance ${report.instance}`, report.reason ?? 'it did not converge');
  }
  const [unread] = result.consulFailures;
  if (unread !== undefined) {
    const services = some([...new Set(result.consulFailures.map(({ service }) => service))]);
    troubles.set('reading Consul', `${services} could not be read and stays as it is: ${unread.error}`);
  }
  for (const { name, reason } of result.refusedInstances) troubles.set(`registered instance ${name}`, reason);
  for (const [backend, slots] of Object.entries(result.table.backends)) {
    const withheld = slots.slots.flatMap((slot, index) =>
      slot.state === 'serving' && slot.withheld !== null ? [slotName(slots, index + 1)] : [],
    );
    if (withheld.length > 0) {
      troubles.set(
        `withheld in ${backend}`,
        `${some(withheld)} stay (\`hitless status\` says why and until when)`,
      );
    }
    for (const { address, port, reason } of slots.refused) {
      troubles.set(`endpoint ${address}:${port} of ${backend}`, `refused: ${reason}`);
    }
  }
  if (result.configurationWithheld !== null) {
    troubles.set('the configuration', `is not published: ${result.configurationWithheld}`);
  }
  if (result.publishFailure !== null) troubles.set('the store', result.publishFailure.message);
  return troubles;
}

/** What is to be said of the difference, in an order that does not depend on chance. Nothing invisible is in it. */
export function newlySaid(
  before: Troubles,
  now: Troubles,
): { readonly bad: string[]; readonly good: string[] } {
  const bad = [...now].filter(([about, text]) => before.get(about) !== text);
  const good = [...before.keys()].filter((about) => !now.has(about));
  return {
    bad: bad.map(([about, text]) => visible(`${about}: ${text}`)),
    good: good.map((about) => visible(`${about}: over`)),
  };
}
