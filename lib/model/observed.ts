/** What one instance says about itself and its servers. */

import type { AdminState } from './admin-state.ts';

/** A check's own state: not configured, configured and not running, or running (paused in maint). */
export type CheckState = 'none' | 'disabled' | 'enabled';

/** One line of `show servers state`. */
export interface ObservedServer {
  readonly backend: string;
  readonly server: string;
  /**
   * Canonical like `EndpointAddress.address` where HAProxy printed an IP address (the unspecified ones included),
   * otherwise as printed: `-` for a unix socket.
   */
  readonly address: string;
  /** 0 for a unix socket. */
  readonly port: number;
  readonly admin: AdminState;
  /** The raw `srv_admin_state` mask. */
  readonly adminMask: number;
  /** `srv_op_state`: HAProxy's own verdict. */
  readonly operational: 'stopped' | 'starting' | 'running' | 'stopping';
  /** `srv_uweight`: the weight now, 0 to 256. */
  readonly weight: number;
  /** `srv_iweight`: the weight that the configuration file gave, 0 to 256. */
  readonly configuredWeight: number;
  /** `srv_id`: by default the place in the list of servers, and what consistent hashing goes by. */
  readonly id: number;
  /** Somebody chose the id: in the configuration file, or with `add server … id`. */
  readonly forcedId: boolean;
  readonly healthCheck: CheckState;
  readonly agentCheck: CheckState;
  /** Speaks TLS to the server; always false before 2.6, which does not tell. */
  readonly ssl: boolean;
}

/** From `show info`. */
export interface InstanceInfo {
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  /** When the process started, seconds since 1970; null: HAProxy 2.2 does not tell. */
  readonly startedAtSeconds: number | null;
}
