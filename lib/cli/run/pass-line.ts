/** One line for a pass that changed something: which generation, which servers, on whom, how long it took. */

import type { DonePass } from '../../follow/follow-fleet.ts';
import { endpointKey } from '../../model/endpoint.ts';
import type { Change } from '../../model/plan.ts';
import { counted, some } from '../output/words.ts';

/** Of a kind, so many are named. */
const MOST_NAMED = 3;

/** Null: nothing was changed, neither the table nor any server. */
export function passLine({ fleet, result, tookMs }: DonePass): string | null {
  const { applied, changed, table } = result;
  const worked = applied.filter(({ changes, report }) => changes.length > 0 && report.commands > 0);
  if (!changed && worked.length === 0) return null;
  const byText = Map.groupBy(worked, ({ changes }) => changesText(changes));
  const parts = [...byText].map(
    ([text, sharing]) => `${text} on ${some(sharing.map(({ report }) => report.instance))}`,
  );
  const what = parts.length === 0 ? 'no server had to be changed' : parts.join('; ');
  const generation = `generation ${table.generation}${changed ? ' (new)' : ''}`;
  return `${fleet.name}: ${generation}, ${what}; ${Math.round(tookMs)} ms`;
}

/** `add be/websrv3 10.0.0.3:8080, drain be/websrv1 10.0.0.1:8080, park 2 servers`. */
function changesText(changes: readonly Change[]): string {
  const byKind = Map.groupBy(changes, ({ kind }) => kind);
  return [...byKind]
    .map(([kind, all]) => {
      if (kind === 'park') return `park ${counted(all.length, 'server')}`;
      const named = all.map(({ backend, slot, endpoint }) => `${backend}/${slot} ${endpointKey(endpoint)}`);
      return `${kind} ${some(named, MOST_NAMED)}`;
    })
    .join(', ');
}
