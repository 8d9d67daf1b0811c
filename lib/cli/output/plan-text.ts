/** A plan for people. */

import type { Fleet } from '../../model/fleet.ts';
import type { FleetPlan, InstancePlan } from '../plan.ts';
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
import { bad, good, notable, strong } from './colours.ts';
import { columns } from './columns.ts';
import { counted } from './words.ts';

export function planText({ name, backends: policies }: Fleet, plan: FleetPlan): string[] {
  const instances = Object.entries(plan.instances);
  const rows = instances.map(([instance, it]) => [instance, it.version ?? '-', planOf(it)]);
  const held = instances.flatMap(([instance, { operatorHeld }]) =>
    operatorHeld.map((one) => ({ instance, ...one })),
  );
  return [
    `${strong(`fleet ${name}`)}: ${generationText(plan)}; ${slotsInUse(plan.backends)}`,
    ...consulLines(plan.consulFailures, policies),
    ...withheldLines(plan.backends),
    ...refusedLines(plan.backends, plan),
    ...decisionLines(plan.backends, plan.configurationWithheld),
    ...unlistedLines(plan.unlisted),
    ...columns(['instance', 'haproxy', 'plan'], rows),
    ...listChanges(
      policies,
      instances.map(([instance, { changes }]) => ({ instance, changes })),
    ),
    ...heldLines(held),
    ...instances.flatMap(([instance, it]) => problemLines(instance, it)),
  ];
}

function generationText({ generation, nextGeneration, instances }: FleetPlan): string {
  if (generation === nextGeneration) return `generation ${generation}, the slot table stays as it is`;
  if (generation > 0) return `generation ${generation} → ${nextGeneration}`;
  const adopts = Object.values(instances).some(({ kept }) => kept > 0);
  return `generation ${nextGeneration} is the first${adopts ? ', with what the instances serve already' : ''}`;
}

function planOf({ unreachable, kept, changes, commands }: InstancePlan): string {
  if (unreachable !== null) return `${bad('unreachable')}: ${unreachable}`;
  if (changes.length === 0) return `${good('nothing to do')}, ${kept} kept`;
  return `${countChanges(kept, changes, 'planned')} (${counted(commands, 'command')})`;
}

function problemLines(instance: string, { problems }: InstancePlan): string[] {
  const sentences = problems.map(({ backend, slot, reason }) => {
    const where = slot === null ? backend : `${backend}/${slot}`;
    return where === '' || reason.includes(where) ? reason : `${where}: ${reason}`;
  });
  return sentences.map((problem) => `  ${notable('problem')}   ${instance}: ${problem}`);
}
