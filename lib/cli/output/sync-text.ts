/** What a sync did, for people and for cron mails: one line where nothing changed. */

import type { Fleet } from '../../model/fleet.ts';
import type { FleetSync, InstanceSync } from '../sync.ts';
import {
  consulLines,
  decisionLines,
  heldLines,
  refusedLines,
  slotsInUse,
  unlistedLines,
  withheldLines,
} from './backends.ts';
import { countChanges, listChanges } from './changes.ts';
import { bad, good, strong } from './colours.ts';
import { columns } from './columns.ts';
import { counted } from './words.ts';

export function syncText({ name, backends: policies }: Fleet, sync: FleetSync): string[] {
  const all = Object.entries(sync.instances);
  const converged = all.filter(([, { converged }]) => converged).length;
  const notable = all.filter(([, { converged, commands }]) => !converged || commands > 0);
  const generation = `generation ${sync.generation}${sync.changed ? ' (new)' : ''}`;
  const what = notable.length === 0 && !sync.changed ? 'nothing to do, ' : '';
  const state = `${what}${converged} of ${counted(all.length, 'instance')} converged, ${slotsInUse(sync.backends)}`;
  const held = all.flatMap(([instance, { operatorHeld }]) =>
    operatorHeld.map((one) => ({ instance, ...one })),
  );
  return [
    `${strong(`fleet ${name}`)}: ${generation}, ${state}`,
    ...consulLines(sync.consulFailures, policies),
    ...(sync.drained ? [] : [`  ${bad('draining')}  the time to wait is over, a later sync goes on`]),
    ...withheldLines(sync.backends),
    ...refusedLines(sync.backends, sync),
    ...decisionLines(sync.backends, sync.configurationWithheld),
    ...unlistedLines(sync.unlisted),
    ...columns(
      ['instance', 'result', 'haproxy', 'commands', 'ms', 'done'],
      notable.map(([instance, it]) => [
        instance,
        it.converged ? good('converged') : bad('lagging'),
        it.version ?? '-',
        String(it.commands),
        String(it.ms),
        doneBy(it),
      ]),
    ),
    ...listChanges(
      policies,
      all.map(([instance, { changes }]) => ({ instance, changes })),
    ),
    ...heldLines(held),
  ];
}

/** Of an instance that did not converge it is not known which of its changes were done. */
function doneBy({ kept, changes, converged, reason }: InstanceSync): string {
  const done = kept === null ? [] : [countChanges(kept, changes, converged ? 'done' : 'planned')];
  return [...done, ...(reason === null ? [] : [reason])].join('; ');
}
