/** Says what `hitless run` does and meets: to its journal, and to the service manager. */

import type { FollowTold } from '../../follow/follow.ts';
import type { DonePass } from '../../follow/follow-fleet.ts';
import type { Fleet } from '../../model/fleet.ts';
import type { SyncEvent } from '../../sync/ports.ts';
import { messageOf } from '../does.ts';
import { counted } from '../output/words.ts';
import type { Journal } from './journal.ts';
import { passLine } from './pass-line.ts';
import type { ServiceNotices } from './service-notices.ts';
import { newlySaid, type Troubles, troublesOf } from './troubles.ts';

export interface Narrator extends FollowTold {
  /** These fleets are followed from now on. */
  begin(fleets: readonly Fleet[]): void;
  /** An event of a pass; what the pass's result says, too, is not said twice. */
  readonly log: (event: SyncEvent) => void;
  /** When a pass last ended, well or not, or `begin` was called; in milliseconds of the clock that only goes forward. */
  lastEndMs(): number;
}

export function createNarrator(journal: Journal, notices: ServiceNotices): Narrator {
  const said = new Map<string, Troubles>();
  const noticed = new Map<string, Map<string, string>>();
  const unfollowed = new Set<string>();
  const states = new Map<string, string>();
  let awaited = new Set<string>();
  let endedMs = performance.now();

  const sayTroubles = (name: string, now: Troubles) => {
    const { bad, good } = newlySaid(said.get(name) ?? new Map(), now);
    const prefix = name === '' ? '' : `${name}: `;
    const facts = name === '' ? {} : { fleet: name };
    for (const text of bad)
      journal.write({ event: 'trouble', level: 'warn', text: `${prefix}${text}`, facts });
    for (const text of good)
      journal.write({ event: 'trouble_over', level: 'info', text: `${prefix}${text}`, facts });
    said.set(name, now);
  };
  const ended = (name: string, state: string) => {
    endedMs = performance.now();
    const isNew = states.get(name) !== state;
    states.set(name, state);
    const isFirst = awaited.delete(name) && awaited.size === 0;
    if (isNew || isFirst) {
      const status = [...states].map(([fleet, what]) => `${fleet}: ${what}`).join('; ');
      notices.tell(...(isFirst ? ['READY=1'] : []), `STATUS=${status}`);
    }
  };

  return {
    begin(fleets) {
      awaited = new Set(fleets.map(({ name }) => name));
      for (const name of [...states.keys()]) if (!awaited.has(name)) states.delete(name);
      for (const name of [...said.keys()]) if (name !== '' && !awaited.has(name)) said.delete(name);
      unfollowed.clear();
      endedMs = performance.now();
    },
    lastEndMs: () => endedMs,
    log({ event, fleet, instance, backend, error, notice }) {
      const text = event === 'failed' ? error : event === 'endpoint_noticed' ? notice : undefined;
      if (typeof text !== 'string' || typeof fleet !== 'string') return;
      const about = [instance, backend].filter((one) => one !== undefined).join('/');
      const own = noticed.get(fleet) ?? new Map<string, string>();
      noticed.set(
        fleet,
        own.set(`${event === 'failed' ? 'failed' : 'notice'} ${about} ${text}`.trim(), text),
      );
    },
    onDone(pass) {
      const { name } = pass.fleet;
      const text = passLine(pass);
      if (text !== null) journal.write({ event: 'pass_done', level: 'info', text, facts: factsOf(pass) });
      const { result } = pass;
      const troubles = new Map([...noticesOf(name, result.publishFailure?.message), ...troublesOf(result)]);
      noticed.delete(name);
      sayTroubles(name, troubles);
      const converged = result.applied.filter(({ report }) => report.converged).length;
      const all = counted(result.applied.length, 'instance');
      ended(name, `generation ${result.table.generation}, ${converged} of ${all} converged`);
    },
    onFailed({ name }, error) {
      noticed.delete(name);
      const before = said.get(name) ?? new Map();
      sayTroubles(name, new Map([...before, ['the pass', messageOf(error)]]));
      ended(name, `failed: ${messageOf(error)}`);
    },
    onConsul(service, error) {
      const was = unfollowed.size;
      if (error === null) unfollowed.delete(service);
      else unfollowed.add(service);
      if (was > 0 && unfollowed.size > 0) return;
      const words = 'cannot be followed (passes go on every minute), the first failure is';
      sayTroubles(
        '',
        unfollowed.size === 0 ? new Map() : new Map([['Consul', `${words}: ${messageOf(error)}`]]),
      );
    },
  };

  /** What was logged during the pass, but `own`, which the result says. */
  function noticesOf(name: string, own: string | undefined): [string, string][] {
    const all = [...(noticed.get(name) ?? [])];
    return all.flatMap(([key, text]) =>
      text === own ? [] : [[key.slice(0, key.length - text.length).trim(), text]],
    );
  }
}

/** To park an unused server changes nothing for anybody, and the first pass may do it a hundred times. */
function factsOf({ fleet, result, heardAtMs, tookMs }: DonePass) {
  const changes = result.applied.flatMap(({ report, changes: all }) =>
    all
      .filter(({ kind }) => kind !== 'park')
      .map(({ kind, backend, slot, endpoint: { address, port } }) => ({
        ...{ instance: report.instance, kind, backend, server: slot, address, port },
      })),
  );
  return {
    fleet: fleet.name,
    generation: result.table.generation,
    published: result.changed,
    because: heardAtMs === null ? 'time' : 'consul',
    ms: Math.round(tookMs),
    changes,
  };
}
