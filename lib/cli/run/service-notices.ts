/**
 * What systemd is told: ready, how the service is, that it lives, that it reads its configuration again.
 *
 * sd_notify(3) is a datagram to a Unix socket, which Node.js has none of. So `systemd-notify` sends it, which every
 * machine with systemd has; the unit needs `NotifyAccess=all`, because it comes from another process than the main one.
 */

import { execFile } from 'node:child_process';

export interface ServiceNotices {
  /** As sd_notify has them: `READY=1`, `STATUS=…`. They arrive in the order of the calls. */
  tell(...assignments: readonly string[]): void;
  /** Returns when all have been sent. */
  sent(): Promise<void>;
}

/** A message takes milliseconds; one that hangs must not hold up the next. */
const TIMEOUT_MS = 5_000;

/** @param socket null: nobody wants to know. @param onFailure told once. */
export function serviceNotices(socket: string | null, onFailure: (error: Error) => void): ServiceNotices {
  let last: Promise<void> = Promise.resolve();
  let failed = false;
  return {
    tell(...assignments) {
      if (socket === null) return;
      const lines = assignments.map((one) => one.replace(/\n/g, ' '));
      last = last
        .then(() => send(lines))
        .catch((error: Error) => {
          if (!failed) onFailure(error);
          failed = true;
        });
    },
    sent: () => last,
  };
}

function send(assignments: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('systemd-notify', assignments, { timeout: TIMEOUT_MS }, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}
