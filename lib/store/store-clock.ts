/**
 * The time as the store has it.
 *
 * Several machines work on one table, and what is written there with the clock of one is read with the clock of another:
 * a machine that is an hour fast would end every hold and drain. So where the store has a clock of its own, which it
 * tells with each answer (`Date`, RFC 9110, 6.6.1), the table's times are the store's.
 */

/** `Date` has whole seconds. */
const STEP_MS = 1_000;

export class StoreClock {
  readonly #machineNow: () => number;
  #aheadMs: number | null = null;

  /** @param machineNow milliseconds since 1970. */
  constructor(machineNow: () => number = Date.now) {
    this.#machineNow = machineNow;
  }

  /** Milliseconds since 1970; until there was an answer, by this machine's clock. */
  readonly now = (): number => this.#machineNow() - (this.#aheadMs ?? 0);

  /**
   * How far this machine's clock is ahead of the store's, behind is negative; in milliseconds. A difference that the
   * answers' whole seconds, and the time they took, can explain is none. Null: there was no answer yet.
   */
  get aheadMs(): number | null {
    return this.#aheadMs;
  }

  /** Has `send` done, which asks the store and gives the `Date` of its answer; what is no date says nothing. */
  async hear<T>(send: () => Promise<T>, dateOf: (answer: T) => string | undefined): Promise<T> {
    const sentMs = this.#machineNow();
    const answer = await send();
    const saidMs = Date.parse(dateOf(answer) ?? '');
    if (!Number.isNaN(saidMs)) {
      // It was said at some moment in between. Of what that leaves open, what is nearest to what was believed so far.
      const [least, most] = [sentMs - saidMs - STEP_MS, this.#machineNow() - saidMs];
      this.#aheadMs = Math.min(most, Math.max(least, this.#aheadMs ?? 0));
    }
    return answer;
  }
}
