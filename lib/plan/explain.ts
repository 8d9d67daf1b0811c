/** A plan in words, one line for each change, as an operator reads it. */

import { endpointKey } from '../model/endpoint.ts';
import type { Change, ChangeKind, Problem } from '../model/plan.ts';

const WORDS: Record<ChangeKind, { readonly sign: string; readonly what: string }> = {
  add: { sign: '+', what: 'add' },
  grow: { sign: '+', what: 'add as a new server' },
  replace: { sign: '~', what: 'replace with' },
  ready: { sign: '+', what: 'make ready' },
  weight: { sign: '~', what: 'set weight of' },
  drain: { sign: '-', what: 'drain' },
  remove: { sign: '-', what: 'remove' },
  park: { sign: '.', what: 'park, was' },
  delete: { sign: '-', what: 'delete the unused server at' },
  restore: { sign: '!', what: 'restore the operator’s state of' },
};

/** `+ be_template/websrv3  add 10.0.0.3:8080 weight 1` */
export function explainChange(change: Change): string {
  const { sign, what } = WORDS[change.kind];
  const weight = change.weight === null ? '' : ` weight ${change.weight}`;
  return `${sign} ${change.backend}/${change.slot}  ${what} ${endpointKey(change.endpoint)}${weight}`;
}

const MOST_NAMED = 3;

/** Why an instance does not have slots that serve, and what to do. `slots` are `backend/server`, one at least. */
export function missingSlotsProblem(backend: string, slots: readonly string[], why: string): Problem {
  const more = slots.length > MOST_NAMED ? ` and ${slots.length - MOST_NAMED} more` : '';
  const named = `${slots.slice(0, MOST_NAMED).join(', ')}${more}`;
  const reason = `its configuration lacks ${named}, and ${why}; reload it with the rendered configuration`;
  return { backend, slot: null, reason };
}
