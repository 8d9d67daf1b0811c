/** The changes that HAProxy's Runtime API is asked for, as data; `lib/runtime-api/commands` puts them in words. */

import type { AdminState } from './admin-state.ts';

interface OfServer {
  readonly backend: string;
  readonly server: string;
}

export type RuntimeCommand =
  | (OfServer & { readonly kind: 'set-addr'; readonly address: string; readonly port: number })
  | (OfServer & { readonly kind: 'set-state'; readonly state: AdminState })
  | (OfServer & { readonly kind: 'set-weight'; readonly weight: number })
  | (OfServer & AddServer)
  | (OfServer & { readonly kind: 'enable-health' | 'enable-agent' })
  | (OfServer & { readonly kind: 'del-server' });

/** A server that the configuration does not declare; it starts in maint, and its checks do not run. */
interface AddServer {
  readonly kind: 'add-server';
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** Its `srv_id`; HAProxy then shows `srv_f_forced_id` 1, by which such a server is known. */
  readonly id: number;
  /** The rest of its line, for this very server: `plainOptions` of server-options.ts. */
  readonly options: string;
}
