/** What `hitless run` counts of itself, for its metrics. */

import type { FollowTold } from '../../follow/follow.ts';

export interface FleetCounts {
  readonly done: number;
  readonly failed: number;
  /** Of the last pass that was done; null: none was. */
  readonly lastMs: number | null;
  /** When the last pass ended well; milliseconds since 1970. Null: none did. */
  readonly lastDoneAtMs: number | null;
}

export interface PassCounts extends FollowTold {
  /** By fleet, since the process began. */
  readonly fleets: ReadonlyMap<string, FleetCounts>;
  /** By service: whether the last question about it was answered. */
  readonly followed: ReadonlyMap<string, boolean>;
  /** Forgets what was followed: another hitless.yml may have other services. */
  begin(): void;
  /** Whether the last hitless.yml that was to be read could be used. */
  configurationIsRead: boolean;
}

const NONE: FleetCounts = { done: 0, failed: 0, lastMs: null, lastDoneAtMs: null };

export function passCounts(): PassCounts {
  const fleets = new Map<string, FleetCounts>();
  const followed = new Map<string, boolean>();
  const of = (name: string) => fleets.get(name) ?? NONE;
  return {
    ...{ fleets, followed, configurationIsRead: true },
    begin: () => followed.clear(),
    onDone({ fleet: { name }, tookMs }) {
      const counts = of(name);
      fleets.set(name, { ...counts, done: counts.done + 1, lastMs: tookMs, lastDoneAtMs: Date.now() });
    },
    onFailed({ name }) {
      const counts = of(name);
      fleets.set(name, { ...counts, failed: counts.failed + 1 });
    },
    onConsul: (service, error) => void followed.set(service, error === null),
  };
}
