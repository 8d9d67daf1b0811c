/** Everything that reached one HAProxy in one case, in the order in which it did: what exemptions and messages go by. */

/** What a pass says when its report is written. */
export const ENDS = 'ends';
/** What HAProxy says when there is a new process. */
export const STARTS = 'starts anew';

export interface Step {
  /** A pass by its name, `operator`, or `haproxy` for a process that started. */
  readonly by: string;
  /** The line of the Runtime API, or what happened: `ENDS`, `STARTS`. */
  readonly text: string;
  /** The reply's first line; empty where there is none. */
  readonly reply: string;
}

export class Trace {
  readonly #steps: Step[] = [];

  get steps(): readonly Step[] {
    return this.#steps;
  }

  /** How many steps there were so far: the time of a case. */
  get now(): number {
    return this.#steps.length;
  }

  add(by: string, text: string, reply = ''): void {
    this.#steps.push({ by, text, reply });
  }

  /** As a person reads it, a line each; what is said again and again, once. */
  text(from: number): string {
    return this.#steps
      .map(({ by, text, reply }, at) => ({
        at,
        by,
        text,
        line: `${at} ${by}: ${text} ${shown(text, reply)}`,
      }))
      .filter(({ at, by, text }) => {
        const before = this.#steps[at - 1];
        return at >= from && (before === undefined || before.by !== by || before.text !== text);
      })
      .map(({ line }) => line.trimEnd())
      .join('\n');
  }
}

/** What the line is about; null: it changes no server. */
export function serverOf(text: string): string | null {
  return (
    /^(?:set server|add server|del server|enable health|enable agent) [^/ ]+\/(\S+)/.exec(text)?.[1] ?? null
  );
}

/** Whether the line reads how the servers are. */
export function isLook(text: string): boolean {
  return text.startsWith('show servers state');
}

/** Refusals are worth reading; what a look shows is not on its first line. */
function shown(text: string, reply: string): string {
  return reply === '' || text.startsWith('show ') || / addr /.test(text) ? '' : `→ ${reply}`;
}
