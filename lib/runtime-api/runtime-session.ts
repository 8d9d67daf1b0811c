/** The port to one HAProxy process: what a pass asks of its Runtime API. */

import type { RuntimeCommand } from '../model/command.ts';
import type { InstanceAddress, TlsFiles, TlsTexts } from '../model/fleet.ts';
import type { InstanceInfo, ObservedServer } from '../model/observed.ts';
import type { BackendFacts } from './commands/show-backends.ts';
import type { RuntimeLevel } from './commands/show-cli-level.ts';
import type { CommandRefused } from './errors.ts';

/** What HAProxy said to one command: a refusal is an expected outcome, so it is a value. */
export type CommandOutcome =
  | { readonly done: true }
  | { readonly done: false; readonly refused: CommandRefused };

export interface ServersState {
  /** The reply as HAProxy printed it: a state file, when it was read without naming a backend. */
  readonly raw: string;
  readonly servers: readonly ObservedServer[];
}

/** One connection. Every method throws `SessionLost` when the connection ends or the signal aborts. */
export interface RuntimeSession {
  /** Sends all commands, pipelined and in order; one outcome for each, in the same order. Empty: empty. */
  send(commands: readonly RuntimeCommand[]): Promise<readonly CommandOutcome[]>;
  /** `show servers state`, of all backends or of one; a backend that HAProxy does not have throws `CommandRefused`. */
  readServers(backend?: string): Promise<ServersState>;
  readInfo(): Promise<InstanceInfo>;
  /** What this connection may do: `show cli level`. */
  readLevel(): Promise<RuntimeLevel>;
  /** Current sessions and queued requests by server name; `show stat`. */
  readSessions(backend: string): Promise<ReadonlyMap<string, number>>;
  /**
   * Connections in use by server name; `show servers conn`. Unlike sessions, these are only the connections that go
   * back to the server's pool afterwards (measured: 0 in `mode tcp` and with `http-reuse never`, except on 2.2).
   */
  readUsedConnections(backend: string): Promise<ReadonlyMap<string, number>>;
  /** What the configuration says of each backend, by its name; `show stat`. */
  readBackends(): Promise<ReadonlyMap<string, BackendFacts>>;
  /** Ends the connection; never throws. */
  close(): Promise<void>;
}

/** Throws `InstanceUnreachable` when there is no Runtime API at `address`, or not before the signal aborts. */
export type OpenSession = (
  address: InstanceAddress,
  options: { readonly tls: TlsFiles | TlsTexts; readonly signal: AbortSignal },
) => Promise<RuntimeSession>;
