/** What one instance says about itself and its servers. */

import type { AdminState } from './admin-state.ts';

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
}

/** From `show info`. */
export interface InstanceInfo {
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
}
