/** What can go wrong between us and one HAProxy process. */

/** HAProxy understood the command and said no. Sending it again will not help. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
  readonly code = 'RUNTIME_API_COMMAND_REFUSED';
  readonly command: string;
  /** HAProxy's own words, one line. */
  readonly reply: string;

  constructor(command: string, reply: string) {
    super(`HAProxy refused \`${command}\`: ${reply}`);
    this.command = command;
    this.reply = reply;
  }
}

/** There is no Runtime API to talk to at this address. A later pass may find one. */
export class InstanceUnreachable extends Error {
  override readonly name = 'InstanceUnreachable';
  readonly code = 'RUNTIME_API_UNREACHABLE';
  readonly address: string;
  readonly why: string;

  constructor(address: string, why: string, cause?: unknown) {
    super(`no Runtime API at ${address}: ${why}`, { cause });
    this.address = address;
    this.why = why;
  }
}

/**
 * The conversation ended before every reply was in. Which of the outstanding commands HAProxy executed is unknown:
 * read its state before anything is sent again.
 */
export class SessionLost extends Error {
  override readonly name = 'SessionLost';
  readonly code = 'RUNTIME_API_SESSION_LOST';
  readonly address: string;
  readonly why: string;
  /** Commands that were written and have no reply. */
  readonly outstanding: number;

  constructor(address: string, why: string, outstanding: number, cause?: unknown) {
    super(`lost the Runtime API session with ${address}: ${why} (${outstanding} commands without a reply)`, {
      cause,
    });
    this.address = address;
    this.why = why;
    this.outstanding = outstanding;
  }
}
