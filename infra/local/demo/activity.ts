/** What the functions did, as their own logs tell it. */

import type { SystemEvent } from '../system/events.ts';

type Lagging = Extract<SystemEvent, { event: 'instance_lagging' }>;

export interface Activity {
  readonly note: (event: SystemEvent) => void;
  /** A point in time; the functions below look at what came after it. */
  mark(): number;
  /** Runtime API commands by instance. */
  commandsSince(mark: number): ReadonlyMap<string, number>;
  /** The generation of the last pass that ended; undefined: none has. */
  lastPassSince(mark: number): number | undefined;
  laggingSince(mark: number): readonly Lagging[];
  /** Whether a pass found `instance` as it should be. */
  appliedSince(mark: number, instance: string): boolean;
  /** What the functions logged as wrong, each different one once. */
  errorsSince(mark: number): readonly string[];
}

export function createActivity(): Activity {
  const events: SystemEvent[] = [];
  return {
    note: (event) => events.push(event),
    mark: () => events.length,
    commandsSince(mark) {
      const commands = new Map<string, number>();
      for (const event of events.slice(mark)) {
        if (event.event !== 'instance_applied' && event.event !== 'instance_lagging') continue;
        commands.set(event.instance, (commands.get(event.instance) ?? 0) + event.commands);
      }
      return commands;
    },
    lastPassSince: (mark) =>
      events
        .slice(mark)
        .flatMap((event) => (event.event === 'pass_done' ? [event.generation] : []))
        .at(-1),
    laggingSince: (mark) =>
      events.slice(mark).flatMap((event) => (event.event === 'instance_lagging' ? [event] : [])),
    appliedSince: (mark, instance) =>
      events.slice(mark).some((event) => event.event === 'instance_applied' && event.instance === instance),
    errorsSince(mark) {
      const texts = events
        .slice(mark)
        .flatMap((event) => (event.event === 'other' && event.level !== 'info' ? [event.text] : []));
      return [...new Set(texts)];
    },
  };
}
