/** What the exit code of a command says; scripts and cron jobs rely on it. */

export const EXIT = {
  /** All done; `plan`: nothing to do. */
  ok: 0,
  /** Nothing could be done, or found out; also: a wrong command line or configuration. */
  failed: 1,
  /** `plan`: there is something to do. */
  somethingToDo: 2,
  /** `sync`: something is left. */
  somethingLeft: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
