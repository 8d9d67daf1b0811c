/** One pass of a case: driven through `passFleet`, with a gate of its own in front of the HAProxy that all share. */

import type { Fleet } from '../../../lib/model/fleet.ts';
import type { ServiceEntry } from '../../../lib/model/service-entry.ts';
import { passFleet } from '../../../lib/sync/pass.ts';
import { type Admit, createGate, type Disguise } from './gate.ts';
import type { MemoryStore } from './memory-store.ts';
import { ENDS, type Trace } from './trace.ts';

export interface PassPorts {
  readonly fleet: Fleet;
  readonly socket: string;
  readonly store: MemoryStore;
  readonly trace: Trace;
  readonly disguise: Disguise;
  readonly readService: () => readonly ServiceEntry[];
  readonly now: () => number;
}

export interface PassEnd {
  /** Null: it converged. */
  readonly reason: string | null;
  /** Commands that change something. */
  readonly commands: number;
}

export interface PassRun {
  readonly name: string;
  /** Never rejects; never resolves once the pass was killed. */
  readonly ended: Promise<PassEnd>;
  readonly lines: () => number;
  /** As SIGKILL does: its connections end, and nothing that it waits for ever comes. */
  kill(): void;
}

export function startPass(name: string, ports: PassPorts, admit: Admit = () => undefined): PassRun {
  const { fleet, socket, store, trace, disguise, readService, now } = ports;
  const gate = createGate({ pass: name, socket, trace, admit, disguise });
  let isKilled = false;
  const passing = passFleet(
    {
      store: store.seenBy(() => isKilled),
      readService: async () => ({ entries: readService() }),
      openSession: gate.openSession,
      now,
      log: () => {},
    },
    fleet,
    { entries: new Map(), snapshots: 'when-due' },
  );
  const ended = passing.then(
    ({ applied: [one] }): PassEnd => ({
      reason: one === undefined ? 'no instance was applied to' : one.report.reason,
      commands: one?.report.commands ?? 0,
    }),
    (failed: unknown): PassEnd => ({ reason: `it threw ${String(failed)}`, commands: 0 }),
  );
  const finished = ended.then((end) => {
    if (!isKilled) trace.add(name, ENDS);
    return end;
  });
  return {
    name,
    ended: finished,
    lines: gate.lines,
    kill() {
      isKilled = true;
      gate.cut();
    },
  };
}
