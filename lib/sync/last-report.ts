/** What the last pass over an instance remembered, for the next one to go on from. */

import type { Fleet, Instance } from '../model/fleet.ts';
import type { InstanceReport } from '../model/report.ts';
import { reportKey } from '../store/keys.ts';
import { decodeReport } from '../store/report-document.ts';
import type { SyncPorts } from './ports.ts';

export interface LastReport {
  /** False when the store could not tell; then nothing is known about what an operator held. */
  readonly known: boolean;
  /** Null: there is none yet, or it is not known. */
  readonly report: InstanceReport | null;
}

/** Never throws: what goes wrong is logged, and a pass goes on without. */
export async function recall(
  { store, log }: Pick<SyncPorts, 'store' | 'log'>,
  fleet: Fleet,
  instance: Instance,
): Promise<LastReport> {
  const key = reportKey(fleet.name, instance.name);
  try {
    const stored = await store.get(key);
    return { known: true, report: stored === null ? null : decodeReport(key, stored.body) };
  } catch (failed) {
    log({
      event: 'failed',
      level: 'error',
      fleet: fleet.name,
      instance: instance.name,
      error: String(failed),
    });
    return { known: false, report: null };
  }
}
