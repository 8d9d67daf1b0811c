/** A status for people. */

import type { FleetStatus } from '../../sync/status.ts';
import { heldLines, refusedLines, withheldLines } from './backends.ts';
import { bad, good, strong } from './colours.ts';
import { columns } from './columns.ts';
import { counted, toTheSecond } from './words.ts';

export function statusText(name: string, { generation, instances, backends }: FleetStatus): string[] {
  const all = Object.values(instances);
  const converged = all.filter((instance) => instance.converged).length;
  const state =
    generation === 0
      ? 'no table yet, `hitless sync` makes the first one'
      : `generation ${generation}, ${converged} of ${counted(all.length, 'instance')} converged`;
  const held = Object.entries(backends).flatMap(([backend, { operatorHeld }]) =>
    operatorHeld.map((one) => ({ backend, ...one })),
  );
  return [
    `${strong(`fleet ${name}`)}: ${state}`,
    ...columns(
      ['backend', 'service', 'slots', 'serving', 'draining', 'free', 'withheld', 'refused'],
      Object.entries(backends).map(([backend, { service, slots, withheld, refused }]) => [
        backend,
        service,
        ...[slots.total, slots.serving, slots.draining, slots.free].map(String),
        ...[withheld.length, refused.length].map(String),
      ]),
    ),
    ...columns(
      ['instance', 'generation', 'converged', 'haproxy', 'pid', 'last report', 'reason'],
      Object.entries(instances).map(([instance, it]) => [
        instance,
        String(it.generation),
        it.converged ? good('yes') : bad('no'),
        it.version ?? '-',
        String(it.pid ?? '-'),
        it.observedAt === null ? '-' : toTheSecond(it.observedAt),
        it.reason ?? '',
      ]),
    ),
    ...withheldLines(backends),
    ...refusedLines(backends),
    ...heldLines(held),
  ];
}
