/** The ten rules of design.md, as the simulation watches them. */

import type { Rule } from '../rules.ts';
import { atRest } from './at-rest.ts';
import { badInstances } from './bad-instances.ts';
import { fileIsRunning } from './file-is-running.ts';
import { heals } from './heals.ts';
import { makeBeforeBreak } from './make-before-break.ts';
import { neverEmpty } from './never-empty.ts';
import { noMassRemoval } from './no-mass-removal.ts';
import { nothingUnchecked } from './nothing-unchecked.ts';
import { operatorsHand } from './operators-hand.ts';
import { readBack, rightTenant } from './read-back.ts';
import { oneTenant, repeatable } from './repeatable.ts';

export const rules: readonly Rule[] = [
  neverEmpty,
  noMassRemoval,
  operatorsHand,
  makeBeforeBreak,
  readBack,
  rightTenant,
  nothingUnchecked,
  repeatable,
  oneTenant,
  atRest,
  badInstances,
  fileIsRunning,
  heals,
];
