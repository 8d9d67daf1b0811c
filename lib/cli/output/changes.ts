/** What is changed on instances, for people: how many of each kind, and which, long lists cut short. */

import { endpointKey } from '../../model/endpoint.ts';
import type { BackendPolicy } from '../../model/fleet.ts';
import type { Change, ChangeKind } from '../../model/plan.ts';
import { explainChange } from '../../plan/explain.ts';
import { bad, faint, good, notable } from './colours.ts';
import { some } from './words.ts';

const MOST_OF_A_KIND = 20;
/** More slots than this on their way to the placeholder are said in one line. */
const MOST_PARKED = 3;

const WORDS: Record<
  ChangeKind,
  { readonly planned: string; readonly done: string; readonly paint: typeof good }
> = {
  add: { planned: 'to add', done: 'added', paint: good },
  grow: { planned: 'to add as new servers', done: 'added as new servers', paint: good },
  replace: { planned: 'to replace', done: 'replaced', paint: notable },
  ready: { planned: 'to make ready', done: 'made ready', paint: good },
  weight: { planned: 'to weigh anew', done: 'weighed anew', paint: notable },
  drain: { planned: 'to drain', done: 'drained', paint: bad },
  remove: { planned: 'to remove', done: 'removed', paint: bad },
  park: { planned: 'to park', done: 'parked', paint: faint },
  delete: { planned: 'to delete', done: 'deleted', paint: faint },
  restore: { planned: 'to restore', done: 'restored', paint: notable },
};

/** `5 kept, 2 added, 1 drained`; only what there is, and always how many are kept. */
export function countChanges(kept: number, changes: readonly Change[], tense: 'planned' | 'done'): string {
  const byKind = Map.groupBy(changes, (change) => change.kind);
  const counts = [...byKind].map(([kind, ofKind]) => `${ofKind.length} ${WORDS[kind][tense]}`);
  return [`${kept} kept`, ...counts].join(', ');
}

/** One line for each change; instances with equal changes share them. */
export function listChanges(
  policies: readonly BackendPolicy[],
  instances: readonly { readonly instance: string; readonly changes: readonly Change[] }[],
): string[] {
  const byText = Map.groupBy(
    instances.filter(({ changes }) => changes.length > 0),
    ({ changes }) => linesOf(policies, changes).join('\n'),
  );
  return [...byText].flatMap(([text, sharing]) => [
    `  on ${some(sharing.map(({ instance }) => instance))}:`,
    ...text.split('\n').map((line) => `    ${line}`),
  ]);
}

function linesOf(policies: readonly BackendPolicy[], changes: readonly Change[]): string[] {
  const groups = Map.groupBy(changes, ({ backend, kind }) => `${backend} ${kind}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { backend, kind } = first;
    const { paint, planned } = WORDS[kind];
    const placeholder = policies.find((policy) => policy.backend === backend)?.placeholder;
    if (kind === 'park' && group.length > MOST_PARKED && placeholder !== undefined) {
      return [paint(`. ${backend}  park ${group.length} unused slots at ${endpointKey(placeholder)}`)];
    }
    const lines = group.slice(0, MOST_OF_A_KIND).map((change) => paint(explainChange(change)));
    const rest = group.length - lines.length;
    return rest === 0 ? lines : [...lines, faint(`  … and ${rest} more ${planned} (--json lists all)`)];
  });
}
