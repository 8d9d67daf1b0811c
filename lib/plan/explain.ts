/** A plan in words, one line for each change, as an operator reads it. */

import { endpointKey } from '../model/endpoint.ts';
import type { Change, ChangeKind } from '../model/plan.ts';

const WORDS: Record<ChangeKind, { readonly sign: string; readonly what: string }> = {
  add: { sign: '+', what: 'add' },
  replace: { sign: '~', what: 'replace with' },
  ready: { sign: '+', what: 'make ready' },
  weight: { sign: '~', what: 'set weight of' },
  drain: { sign: '-', what: 'drain' },
  remove: { sign: '-', what: 'remove' },
  park: { sign: '.', what: 'park, was' },
  restore: { sign: '!', what: 'restore the operator’s state of' },
};

/** `+ be_template/websrv3  add 10.0.0.3:8080 weight 1` */
export function explainChange(change: Change): string {
  const { sign, what } = WORDS[change.kind];
  const weight = change.weight === null ? '' : ` weight ${change.weight}`;
  return `${sign} ${change.backend}/${change.slot}  ${what} ${endpointKey(change.endpoint)}${weight}`;
}
