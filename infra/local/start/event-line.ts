/** What happens in the system, as a line for people. */

import { styleText } from 'node:util';
import type { SystemEvent } from '../system/events.ts';

type Style = Parameters<typeof styleText>[0];

/**
 * A narrator: gives the line for each event, without a newline, or undefined for what another line tells better (an
 * HAProxy that there was nothing to do on is in the line of its pass). Colours only where standard output takes them.
 */
export function createNarrator(): (event: SystemEvent) => string | undefined {
  let commands = 0;
  return (event) => {
    if (event.event === 'instance_applied' || event.event === 'instance_lagging') commands += event.commands;
    const told = tell(event, commands);
    if (event.event === 'pass_done') commands = 0;
    if (told === undefined) return undefined;
    const time = new Date(event.atMs).toISOString().slice(11, 23);
    const line = `${styleText('dim', time)}  ${event.source.padEnd(9)}  ${printable(told.text)}`;
    return told.style === undefined ? line : styleText(told.style, line);
  };
}

interface Told {
  readonly text: string;
  readonly style?: Style;
}

/** @param commands those of the pass so far. */
function tell(event: SystemEvent, commands: number): Told | undefined {
  switch (event.event) {
    case 'watch_received':
      return {
        text: `Consul's watch: ${event.consulService} has ${counted(event.entries, 'entry', 'entries')}; queued`,
      };
    case 'watch_refused':
      return { text: `Consul's watch was refused (${event.status}): ${event.why}`, style: 'red' };
    case 'reconcile_requested':
      return undefined;
    case 'table_published':
      return { text: `slot table: generation ${event.generation}`, style: 'cyan' };
    case 'configuration_published':
      return {
        text: `configuration: generation ${event.generation}, structure ${event.structure.slice(0, 8)}`,
      };
    case 'instance_applied':
      if (event.commands === 0) return undefined;
      return {
        text: `${event.instance}: ${counted(event.commands, 'command')}, read back, ${event.ms} ms`,
        style: 'green',
      };
    case 'instance_lagging':
      return { text: `${event.instance} lags: ${event.reason}`, style: 'red' };
    case 'change_withheld': {
      const until =
        event.untilMs === null
          ? 'an operator releases it'
          : new Date(event.untilMs).toISOString().slice(11, 19);
      return {
        text: `withheld: ${event.server} (${event.endpoint}) stays until ${until}: ${event.reason}`,
        style: 'yellow',
      };
    }
    case 'endpoint_refused':
      return { text: `refused: ${event.address} port ${event.port}: ${event.reason}`, style: 'yellow' };
    case 'endpoint_noticed':
      return { text: event.notice, style: 'yellow' };
    case 'consul_unavailable':
      return {
        text: `Consul: ${event.error}; ${event.usedEvent ? "the event's own endpoints are used" : 'nothing changes'}`,
        style: 'red',
      };
    case 'pass_done':
      return passDone(event, commands);
    case 'other':
      return { text: event.text, ...(event.level === 'info' ? {} : { style: 'red' }) };
  }
}

function passDone(event: Extract<SystemEvent, { event: 'pass_done' }>, commands: number): Told {
  const all = event.converged + event.lagging.length;
  const what = commands === 0 ? 'nothing to do' : counted(commands, 'command');
  const text = `pass done: generation ${event.generation}, ${event.converged} of ${all} HAProxies converged, ${what}, ${event.ms} ms`;
  return commands === 0 && event.lagging.length === 0 ? { text, style: 'dim' } : { text };
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What Consul has may hold anything; a terminal obeys some of it. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}
