import type { SlotTable } from '../../../lib/model/slot-table.ts';
import { adminWord, isInRotation, targetOf } from '../haproxy-process.ts';
import type { Rule } from '../rules.ts';
import type { Session } from '../simulated-instance.ts';
import { namedSlots } from './named-slots.ts';

export const makeBeforeBreak: Rule = {
  number: 4,
  name: 'make-before-break',
  sentence:
    'Before a session takes a server out of rotation it has tried to bring every new server that needs no used slot into rotation, and has read that back.',

  watch(_scene, violated) {
    /** By session: the slots that it sent something for, and when it last did. */
    const tried = new Map<number, Map<string, number>>();
    /** By session: slots whose former connections it has to wait for. */
    const waiting = new Map<number, Set<string>>();

    const missing = (session: Session, backend: string, table = session.table): string | undefined => {
      const { process, read } = session;
      return namedSlots(table, backend).find(({ name, slot, target }) => {
        const server = process.server(backend, name);
        if (slot.state !== 'serving' || slot.weight === 0 || server === undefined) return false;
        const before = read?.servers.get(`${backend}/${name}`);
        const isNew = before !== undefined && adminWord(before.admin) === 'maint';
        const unmarked = before !== undefined && before.weight !== 0 && targetOf(before) === target;
        if (!isNew || unmarked || isInRotation(server)) return false;
        if (waiting.get(session.id)?.has(`${backend}/${name}`) === true) return false;
        return !(tried.get(session.id)?.has(`${backend}/${name}`) === true);
      })?.name;
    };

    return {
      replied(session, line) {
        if (!line.startsWith('show servers conn ')) return;
        const backend = line.slice('show servers conn '.length);
        const busy = (session.process.servers(backend) ?? []).filter((server) =>
          server.connections.some((connection) => connection.busy),
        );
        const known = waiting.get(session.id) ?? new Set();
        for (const { name } of busy) known.add(`${backend}/${name}`);
        waiting.set(session.id, known);
      },

      changed({ process, server, before, line }, session) {
        const slots = tried.get(session.id) ?? new Map<string, number>();
        tried.set(session.id, slots);
        slots.set(`${server.backend}/${server.name}`, session.read?.tick ?? 0);
        if (!isInRotation(before) || isInRotation(server) || session.contested.has(server.backend)) return;
        // Another pass made it ready since this one looked: it is an arrival for this one, too.
        const read = session.read?.servers.get(`${server.backend}/${server.name}`);
        if (read !== undefined && !isInRotation(read)) return;
        const first = missing(session, server.backend);
        if (first === undefined) return;
        // A pass that takes long reads the table anew, and who was to come may be on the way out there.
        const isMissing = (table: SlotTable) => missing(session, server.backend, table) !== undefined;
        if (![...session.tables].every(isMissing)) return;
        violated(`\`${line}\` on ${process.instance} comes before ${first} was tried`);
      },
    };
  },
};
