/** What an administrator, and nobody else, decides about a server: HAProxy's admin state. */

export type AdminState = 'ready' | 'drain' | 'maint';

/** Bits of `srv_admin_state`; haproxy/server-t.h, enum srv_admin, and measured on 2.2, 2.6, 3.0 and 3.2. */
const FORCED_MAINT = 0x01;
const INHERITED_MAINT = 0x02;
const FORCED_DRAIN = 0x08;
const INHERITED_DRAIN = 0x10;
const RESOLUTION_MAINT = 0x20;

/**
 * Reads the `srv_admin_state` column of `show servers state`.
 *
 * @param mask a bit mask, printed by HAProxy in decimal: a server that its configuration disabled and that was then
 *   drained reads 12. Bit 4 (`disabled` in the configuration) only says how the server started, so it does not count.
 */
export function adminStateOf(mask: number): AdminState {
  if ((mask & (FORCED_MAINT | INHERITED_MAINT | RESOLUTION_MAINT)) !== 0) return 'maint';
  return (mask & (FORCED_DRAIN | INHERITED_DRAIN)) !== 0 ? 'drain' : 'ready';
}

/** Why `set server … state ready` cannot end a maintenance: it comes from a tracked server or from DNS. */
export function inheritedMaintenance(mask: number): 'track' | 'resolution' | undefined {
  if ((mask & INHERITED_MAINT) !== 0) return 'track';
  return (mask & RESOLUTION_MAINT) !== 0 ? 'resolution' : undefined;
}
