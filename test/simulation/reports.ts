/** What the store has of reports: those that a write brings, and the last one of an instance. */

import type { InstanceReport } from '../../lib/model/report.ts';
import { decodeShardReports } from '../../lib/store/report-document.ts';
import { isReports, type Write } from './simulated-store.ts';

export interface Added {
  readonly report: InstanceReport;
  /** False: another pass looked, and this one only knew more about what it saw. */
  readonly own: boolean;
}

export class StoredReports {
  /** By instance. */
  readonly #last = new Map<string, InstanceReport>();

  /** Undefined: there is none yet. */
  of(instance: string): InstanceReport | undefined {
    return this.#last.get(instance);
  }

  /** Who is held, as the story tells it. */
  static heldIn({ instance, operatorHeld, converged }: InstanceReport): string {
    const held = operatorHeld.map(({ backend, slot, state, pid }) => `${backend}/${slot} ${state} (${pid})`);
    return `${instance} is reported ${converged ? 'converged' : 'lagging'}, held: ${held.join(', ') || 'nobody'}`;
  }

  /** Those of a shard that are others than before; none when it is another object. */
  added({ key, body }: Write): readonly Added[] {
    if (!isReports(key)) return [];
    const { reports } = decodeShardReports(key, body);
    return reports.flatMap((report) => {
      const last = this.#last.get(report.instance);
      if (JSON.stringify(report) === JSON.stringify(last)) return [];
      this.#last.set(report.instance, report);
      return [{ report, own: report.observedAtMs !== last?.observedAtMs }];
    });
  }
}
