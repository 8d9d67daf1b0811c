/** The parts of a system: started one after the other or side by side, stopped in reverse, each with a name. */

/** A part of the local system did not start. The message begins with its name; `cause` is its own error. */
export class PartFailed extends Error {
  override readonly name = 'PartFailed';
  readonly code = 'PART_FAILED';
  readonly part: string;

  constructor(part: string, cause: unknown) {
    super(`${part} did not start: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.part = part;
  }
}

export interface Parts {
  /**
   * Starts a part and remembers how it is stopped; without `stop` there is nothing to stop.
   *
   * @throws PartFailed
   */
  start<T>(part: string, start: () => T | Promise<T>, stop?: (started: T) => unknown): Promise<T>;
  /**
   * Stops what was started, the last first; a second call waits for the first one.
   *
   * @throws AggregateError when parts could not be stopped; the others were.
   */
  stop(): Promise<void>;
}

export function createParts(): Parts {
  const started: (() => unknown)[] = [];
  let stopped: Promise<void> | undefined;
  return {
    async start(part, start, stop) {
      try {
        const value = await start();
        if (stop !== undefined) started.push(() => stop(value));
        return value;
      } catch (error) {
        throw new PartFailed(part, error);
      }
    },
    stop() {
      stopped ??= stopAll(started);
      return stopped;
    },
  };
}

/** As `Promise.all`, but waits for all of them also when one failed: nothing is still starting when the error comes. */
export async function allStarted<T extends readonly unknown[] | []>(
  starting: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(starting);
  return Promise.all(starting);
}

async function stopAll(started: (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (let stop = started.pop(); stop !== undefined; stop = started.pop()) {
    try {
      await stop();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, `could not be stopped: ${errors.join('; ')}`);
}
