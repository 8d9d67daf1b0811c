/** What others wrote reaches a terminal as text only: no escape sequence, no bell, no character that turns text around. */

import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { InstanceReport } from '../../lib/model/report.ts';
import type { SlotTable } from '../../lib/model/slot-table.ts';
import { shardReportsKey, slotTableKey } from '../../lib/store/keys.ts';
import { encodeShardReports } from '../../lib/store/report-document.ts';
import { encodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { type Bench, createBench } from './bench.ts';
import { type FakeConsul, startFakeConsul } from './fake-consul.ts';

/** Clears the screen, paints as we do, rings, sets the title, turns text around, and ends a line. */
const HOSTILE = '\x1b[2J\x1b[31mred\x07\x9b1m\x1b]0;title\x07\u202egnp.exe\u2066\u2028\x7f';
const VISIBLE = '\\x1b[2J\\x1b[31mred\\x07\\x9b1m\\x1b]0;title\\x07\\u{202e}gnp.exe\\u{2066}\\u{2028}\\x7f';
const COLOURS = [1, 2, 22, 31, 32, 33, 39].map((code) => `\x1b[${code}m`);
const DONE = { address: '10.0.0.1', port: 80 };

const TABLE: SlotTable = {
  version: 1,
  fleet: 'edge',
  generation: 4,
  configuration: null,
  backends: {
    be_template: {
      service: 'my-cluster',
      server: 'websrv',
      slots: [
        {
          ...{ state: 'serving', ...DONE, weight: 1, sinceMs: 1 },
          withheld: { sinceMs: 1, untilMs: null, reason: HOSTILE },
        },
      ],
      departures: [],
      refused: [{ address: HOSTILE, port: 80, reason: HOSTILE }],
    },
  },
};
const REPORT: InstanceReport = {
  ...{
    version: 1,
    fleet: 'edge',
    instance: 'lb1',
    generation: 4,
    converged: false,
    reason: HOSTILE,
    pid: 42,
  },
  ...{ haproxy: HOSTILE, observedAtMs: 1, readAtMs: 1, applied: null, propagation: null, commands: 0 },
  operatorHeld: [
    {
      backend: 'be_template',
      slot: 'websrv1',
      state: 'drain',
      address: HOSTILE,
      port: 80,
      servingSinceMs: 1,
      pid: 42,
    },
  ],
  missingSlots: [HOSTILE],
  snapshot: null,
};

let consul: FakeConsul;
let bench: Bench;

beforeEach(async () => {
  consul = await startFakeConsul();
  onTestFinished(() => consul.stop());
  consul.register([{ address: HOSTILE, port: 80 }]);
  bench = createBench({
    consul: consul.url,
    instances: { lb1: `tcp://127.0.0.1:${await hostileHaproxy()}` },
  });
  store(slotTableKey('edge'), encodeSlotTable(TABLE));
  store(
    shardReportsKey('edge', 0),
    encodeShardReports({ version: 1, fleet: 'edge', shard: 0, reports: [REPORT] }),
  );
});

function store(key: string, body: string): void {
  const path = join(bench.folder, 'store', key);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, body);
}

/** Says its name and refuses with control characters. */
async function hostileHaproxy(): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    open.add(client);
    client.on('error', () => undefined).setEncoding('utf8');
    client.on('data', (text: string) => {
      for (const line of text.trimEnd().split('\n')) {
        if (line === 'prompt') client.write('\n> ');
        else if (line === 'show info') client.write('Version: 2.6.12\nPid: 7\nUptime_sec: 3\n\n> ');
        else client.write(`${HOSTILE}\n\n> `);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

describe.each(['status', 'plan', 'check --live', 'sync', 'render --config nowhere.yml'])('%s', (command) => {
  test.each([
    { what: 'plain', environment: {} },
    { what: 'with colours', environment: { FORCE_COLOR: '1' } },
  ])('$what: nothing invisible but line ends and our own colours', async ({ environment }) => {
    const { stdout, stderr } = await bench.hitless(command, { environment });
    const written = `${stdout}${stderr}`;
    expect(written).toMatch(/\S/);
    expect(COLOURS.reduce((text, colour) => text.replaceAll(colour, ''), written)).not.toMatch(
      /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u,
    );
    expect(written).not.toContain('\x1b[31mred');
  });

  test('as JSON: nothing invisible, and still the same values', async () => {
    const { stdout } = await bench.hitless(`${command} --json`);
    expect(stdout).not.toMatch(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
    if (command === 'status') {
      expect(JSON.parse(stdout).fleets.edge.instances.lb1).toMatchObject({
        reason: HOSTILE,
        version: HOSTILE,
      });
    }
  });
});

test('status --prometheus: nothing invisible in a label either', async () => {
  const { code, stdout } = await bench.hitless('status --prometheus');
  expect(code).toBe(0);
  expect(stdout).toContain('lb1');
  expect(stdout).not.toMatch(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
});

test('what is invisible is shown as what it is', async () => {
  const { stdout } = await bench.hitless('status');
  expect(stdout).toContain(VISIBLE);
});
