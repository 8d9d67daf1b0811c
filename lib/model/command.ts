/** The changes that HAProxy's Runtime API is asked for, as data; `lib/runtime-api/commands` puts them in words. */

import type { AdminState } from './admin-state.ts';

interface OfServer {
  readonly backend: string;
  readonly server: string;
}

export type RuntimeCommand =
  | (OfServer & { readonly kind: 'set-addr'; readonly address: string; readonly port: number })
  | (OfServer & { readonly kind: 'set-state'; readonly state: AdminState })
  | (OfServer & { readonly kind: 'set-weight'; readonly weight: number });
