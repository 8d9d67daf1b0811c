/**
 * One instance, brought to the table over one session: look, plan, send the plan's first stage, read it back, and plan
 * anew from there until nothing is left to do.
 *
 * Any number of passes may do this to one instance at once, line by line between each other, and HAProxy has no
 * compare-and-set. So nobody acts on a picture that is older than a moment, or on a table that was read longer than two
 * seconds ago; and whoever reads back something else than he sent reads table and reports again before he plans anew.
 * After the last of them the instance equals the table.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type Capabilities, capabilitiesOf } from '../model/capabilities.ts';
import { endpointKey } from '../model/endpoint.ts';
import type { Fleet, Instance } from '../model/fleet.ts';
import type { Change, Plan, Problem, Stage, Step } from '../model/plan.ts';
import type { SlotTable } from '../model/slot-table.ts';
import type { RuntimeSession } from '../runtime-api/runtime-session.ts';
import { BySlot, type SlotPlace } from './by-slot.ts';
import { slotsInUse, waitForRequests } from './former-connections.ts';
import type { Knowledge, Known } from './knowledge.ts';
import { isOld, type Look, lookAgain, lookAt, memoryAt, planFrom } from './look.ts';
import { momentNow } from './moment.ts';
import { sendStage } from './send-stage.ts';
import type { LastReport } from './shard-reports.ts';
import { WhoseHand } from './whose-hand.ts';

/** Plans of one pass; a full one has six or seven stages, and two for each further half of a backend. */
const MOST_PLANS = 100;
/** How often in a row something else is read back before a slot is left to the next pass. */
const MOST_DIFFERENCES = 12;
/** Between two of these, so that passes that meet do not keep in step. */
const PAUSE_MS = { first: 5, longest: 250 };
/** Longer than the lines of one write take, between which a server looks as an operator would leave it. */
const CONFIRM_MS = 25;

/** What is known of an instance, during the work and after it. */
export interface Progress {
  readonly look: Look;
  readonly table: SlotTable;
  /** What the plan was made with. */
  readonly last: LastReport;
  /** From `look` to `table`. */
  readonly plan: Plan;
  /** Everything that was to be done to a slot, in the order in which it was found. */
  readonly changes: readonly Change[];
  /** Commands sent that change something. */
  readonly commands: number;
  /** Everything that was refused, not read back, or held back so that no backend is left without a server. */
  readonly problems: readonly Problem[];
  /** Slots with an endpoint that the instance does not have and cannot get, as `backend/server`. */
  readonly missingSlots: readonly string[];
  /** Servers that HAProxy refused to delete, as `backend/server`. */
  readonly undeletable: readonly string[];
}

export interface Bringing {
  readonly session: RuntimeSession;
  readonly fleet: Fleet;
  readonly instance: Instance;
  readonly knowledge: Knowledge;
  readonly now: () => number;
  /** Told after each plan, for when the session is lost. */
  readonly onProgress: (progress: Progress) => void;
}

/** @throws SessionLost, CommandRefused, ReplyNotUnderstood: what was done since the last progress is unknown. */
export async function bringToTable(bringing: Bringing): Promise<Progress> {
  const { session, knowledge, now, onProgress } = bringing;
  const work = new Work(bringing);
  // In this order: of what was reported after a look, the look knows nothing.
  let known = await newestFor(bringing, await knowledge.current());
  let look = await lookAt(session, known.table, now);
  for (let plans = 0; plans < MOST_PLANS; plans += 1) {
    const progress = work.planned(look, known);
    onProgress(progress);
    if (work.hand.isToConfirm) {
      await sleep(CONFIRM_MS);
      known = await knowledge.since(momentNow(now));
      look = await lookAgain(session, known.table, now, look);
      continue;
    }
    const stage = progress.plan.stages[0];
    if (stage === undefined && !work.waits) return progress;
    const recent = await knowledge.recent();
    if (recent !== known || isOld(look, now)) {
      known = recent;
      look = await lookAgain(session, known.table, now, look);
      continue;
    }
    if (stage === undefined) {
      await work.waitForTheBusy();
      look = await lookAgain(session, known.table, now, look);
    } else if (!(await work.setAsideBusy(stage, look))) {
      const { state, agreed } = await work.send(stage, look);
      if (!agreed) {
        await work.pause();
        known = await knowledge.since(momentNow(now));
      }
      look = await lookAgain(session, known.table, now, look, agreed ? state : undefined);
    }
  }
  return work.givenUp(look, known);
}

/** A table that is older than what was applied to this instance already is read again before anything else. */
async function newestFor({ instance, knowledge, now }: Bringing, known: Known): Promise<Known> {
  const { report } = known.memory.of(instance.name);
  const behind = (report?.applied?.generation ?? 0) > known.table.generation;
  return behind ? knowledge.since(momentNow(now)) : known;
}

/** What a pass has done so far, and the slots that it leaves alone. */
class Work {
  readonly #bringing: Bringing;
  readonly #changes = new Map<string, Change>();
  /** Null: nothing is wrong, and yet there is nothing more to do. */
  readonly #left = new BySlot<Problem | null>();
  readonly #busy: Step[] = [];
  readonly #waited = new BySlot<true>();
  readonly hand = new WhoseHand();
  #haproxy = '';
  #commands = 0;
  #differences = 0;
  readonly #missingSlots: string[] = [];
  readonly #undeletable: string[] = [];

  constructor(bringing: Bringing) {
    this.#bringing = bringing;
  }

  /** Slots wait for the end of requests. */
  get waits(): boolean {
    return this.#busy.length > 0;
  }

  planned(look: Look, { table, memory }: Known): Progress {
    const { fleet, instance } = this.#bringing;
    const last = memory.of(instance.name);
    this.#haproxy = look.info.version;
    const busy = new Set(this.#busy.map(({ backend, slot }) => `${backend}/${slot}`));
    const skips = (backend: string, slot: string) =>
      this.#left.has({ backend, slot }) || busy.has(`${backend}/${slot}`);
    this.hand.looked(look.state.servers);
    const { found, isEnded, isOwnWeight: ownWeights } = this.hand;
    const plan = planFrom(fleet, table, look, last, { skips, found, isEnded, ownWeights });
    this.hand.planned(look.state.servers, table, memoryAt(look, last).held, plan.operatorHeld);
    const operatorHeld = this.hand.reportable(plan.operatorHeld, last.report, table);
    for (const change of plan.changes) {
      const key = `${change.backend}/${change.slot} ${endpointKey(change.endpoint)}`;
      if (!this.#changes.has(key)) this.#changes.set(key, change);
    }
    return {
      ...{ look, table, last, plan: { ...plan, operatorHeld }, commands: this.#commands },
      changes: [...this.#changes.values()],
      problems: [...plan.problems, ...new Set(this.#left.values().flatMap((problem) => problem ?? []))],
      missingSlots: [...plan.missingSlots, ...this.#missingSlots],
      undeletable: this.#undeletable,
    };
  }

  /** Slots that must not change hands yet are left to the end, so that the others do not wait for them. */
  async setAsideBusy(stage: Stage, look: Look): Promise<boolean> {
    const inUse = await slotsInUse(this.#bringing.session, look.info.version, stage.steps);
    for (const [step, count] of inUse) {
      if (this.#waited.has(step)) this.#leave(step, stillInUse(count));
      else this.#busy.push(step);
    }
    return inUse.length > 0;
  }

  async waitForTheBusy(): Promise<void> {
    const waiting = this.#busy.splice(0);
    for (const [step, count] of await waitForRequests(this.#bringing.session, this.#haproxy, waiting))
      this.#leave(step, stillInUse(count));
    for (const step of waiting) this.#waited.set(step, true);
  }

  async send(stage: Stage, look: Look) {
    const able: Capabilities = capabilitiesOf(look.info.version);
    const sent = await sendStage(this.#bringing.session, able, stage, look.state);
    this.#commands += sent.commands;
    for (const [step, problem] of sent.refused) this.#left.set(step, problem);
    for (const step of sent.notAdded) this.#missingSlots.push(nameOf(step));
    for (const step of sent.undeleted) {
      this.#left.set(step, null);
      this.#undeletable.push(nameOf(step));
    }
    this.hand.sent(sent.different.keys());
    this.#differences = sent.different.size === 0 ? 0 : this.#differences + 1;
    if (this.#differences > MOST_DIFFERENCES) {
      for (const [step, difference] of sent.different) this.#leave(step, `read back ${difference}`);
      this.#differences = 0;
    }
    return { state: sent.state, agreed: sent.different.size === 0 };
  }

  async pause(): Promise<void> {
    const { first, longest } = PAUSE_MS;
    await sleep(Math.min(longest, first * 2 ** this.#differences));
  }

  givenUp(look: Look, known: Known): Progress {
    const progress = this.planned(look, known);
    const reason = 'something else kept changing it while it was brought to the table; the next pass goes on';
    return { ...progress, problems: [...progress.problems, { backend: '', slot: null, reason }] };
  }

  #leave({ backend, slot }: SlotPlace, reason: string): void {
    this.#left.set({ backend, slot }, { backend, slot, reason });
  }
}

function stillInUse(connections: number): string {
  return `${connections} connections to its former endpoint are in use; it waits for their end`;
}

function nameOf({ backend, slot }: SlotPlace): string {
  return `${backend}/${slot}`;
}
