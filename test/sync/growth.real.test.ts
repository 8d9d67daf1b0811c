/** More endpoints than declared slots, on real HAProxy: servers that are added, or a report that says why not. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { freePort } from '../../infra/local/free-port.ts';
import { configurationText } from '../../infra/local/haproxy-configuration.ts';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { until } from '../../infra/local/until.ts';
import { startWebServer } from '../../infra/local/web-server.ts';
import { capabilitiesOf } from '../../lib/model/capabilities.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';
import { configurationKey, stateSnapshotKey } from '../../lib/store/keys.ts';
import { previewFleet } from '../../lib/sync/preview.ts';
import {
  articleBackend,
  type BenchFleet,
  type BenchOptions,
  entries,
  entry,
  shownBy,
  startBenchFleet,
  TEMPLATE,
} from './bench-fleet.ts';
import { startLoad } from './load.ts';

const versions = await haproxyVersions();
const growing = versions.filter(({ version }) => capabilitiesOf(version).addServer);
const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

function keep<T extends { stop(): Promise<void> }>(one: T): T {
  running.push(one);
  return one;
}

async function start(options: BenchOptions): Promise<BenchFleet> {
  return keep(await startBenchFleet(options));
}

/** The haproxy of a bench that has one. */
function only({ haproxies }: BenchFleet) {
  const [haproxy] = haproxies;
  if (haproxy === undefined) throw new Error('no HAProxy');
  return haproxy;
}

const TWO_SLOTS = { drainMs: 0, slots: 2 };

describe.each(growing)('HAProxy $version', ({ version, path: binary }) => {
  test('gets the slots it lacks, and loses them again when nobody needs them', async () => {
    const bench = await start({ haproxies: [{ binary, backend: articleBackend(2) }], policy: TWO_SLOTS });
    bench.consul = entries(1, 5);
    const grown = await bench.pass();
    expect(grown.applied[0]).toMatchObject({ report: { reason: null, missingSlots: [] } });
    expect(grown.applied[0]?.changes.filter(({ kind }) => kind === 'grow')).toHaveLength(3);
    expect((await shownBy(only(bench))).filter((line) => line.includes(' ready 1'))).toHaveLength(5);
    expect((await bench.pass()).applied[0]?.report.commands).toBe(0);

    bench.consul = entries(1, 2);
    await bench.pass();
    // Before 3.2.22, HAProxy may die of `del server`.
    const surplus = capabilitiesOf(version).deletesServersSafely ? [] : [3, 4, 5];
    expect(await shownBy(only(bench))).toEqual([
      'websrv1 127.0.1.1:8080 ready 1',
      'websrv2 127.0.1.2:8080 ready 1',
      ...surplus.map((number) => `websrv${number} 0.0.0.0:80 maint`),
    ]);
    const { report } = (await bench.pass()).applied[0] ?? {};
    expect(report).toMatchObject({ commands: 0, reason: null });
    expect(report?.notes?.length ?? 0).toBe(surplus.length > 0 ? 1 : 0);

    bench.consul = entries(1, 4);
    expect((await bench.pass()).applied[0]?.report.reason).toBeNull();
    expect((await shownBy(only(bench))).filter((line) => line.includes(' ready 1'))).toHaveLength(4);
  });

  test('checks the servers it was given', async () => {
    const port = await freePort();
    const alive = keep(await startWebServer({ name: 'alive', address: '127.0.51.1', port }));
    const bench = await start({ haproxies: [{ binary, backend: articleBackend(1) }], policy: { slots: 1 } });
    bench.consul = [entry('127.0.51.9', port), entry('127.0.51.8', port), entry(alive.address, port)];
    const { table } = await bench.pass();
    const slots = table.backends.be_template?.slots ?? [];
    const at = (address: string) =>
      slots.findIndex((slot) => slot.state === 'serving' && slot.address === address);
    const statuses = async () => {
      const lines = (await only(bench).ask('show stat be_template 4 -1')).split('\n');
      return new Map(lines.map((line) => [line.split(',')[1], line.split(',')[17]]));
    };
    await until(
      async () => {
        const shown = await statuses();
        const dead = ['127.0.51.9', '127.0.51.8'].map((address) => shown.get(`websrv${at(address) + 1}`));
        const up = shown.get(`websrv${at(alive.address) + 1}`);
        return dead.every((status) => status === 'DOWN') && up === 'UP' ? true : undefined;
      },
      { what: 'the dead servers to be down and the living one to be up' },
    );
  });

  test('serves under load while it grows and shrinks, and no request fails', async () => {
    const port = await freePort();
    const servers = await Promise.all(
      Array.from({ length: 12 }, async (_, index) =>
        keep(await startWebServer({ name: `s${index}`, address: `127.0.52.${index + 1}`, port })),
      ),
    );
    const all = servers.map(({ address }) => entry(address, port));
    const bench = await start({ haproxies: [{ binary, backend: articleBackend(2) }], policy: TWO_SLOTS });
    bench.consul = all.slice(0, 2);
    await bench.pass();
    const load = keep(startLoad(only(bench).url, 8));
    for (const consul of [all, all.slice(0, 3), all, all.slice(1, 2)]) {
      bench.consul = consul;
      expect((await bench.pass()).applied[0]?.report.reason).toBeNull();
      await until(async () => (consul.length < 12 || load.answers.size === 12 ? true : undefined), {
        what: 'an answer of every server',
      });
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.answers.size).toBe(12);
  });

  test('goes on from a pass that ended anywhere in between', async () => {
    const bench = await start({ haproxies: [{ binary, backend: articleBackend(1) }], policy: { slots: 1 } });
    const added = (slot: number, options = 'check') =>
      `add server be_template/websrv${slot} 0.0.0.0:80 ${options} disabled weight 1 id ${slot}`;
    const steps = (slot: number) => [
      added(slot),
      `set server be_template/websrv${slot} weight 0`,
      `set server be_template/websrv${slot} addr 127.0.1.${slot} port 8080`,
      `enable health be_template/websrv${slot}`,
      `set server be_template/websrv${slot} state ready`,
    ];
    for (let slot = 2; slot <= 6; slot += 1) {
      for (const command of steps(slot).slice(0, slot - 1)) await only(bench).ask(command);
    }
    bench.consul = entries(1, 6);
    expect((await bench.pass()).applied[0]?.report.reason).toBeNull();
    const shown = await shownBy(only(bench));
    expect(shown).toEqual(
      entries(1, 6).map(({ address }, index) => `websrv${index + 1} ${address}:8080 ready 1`),
    );
    const state = await only(bench).ask('show servers state be_template');
    const checks = state
      .split('\n')
      .slice(2)
      .map((line) => Number(line.split(' ')[13]) & 6);
    expect(checks).toEqual(shown.map(() => 6));
  });

  test('has them as ordinary servers after a reload with the rendered configuration', async () => {
    const cookies = capabilitiesOf(version).addServerWithCookie;
    const bench = await start({
      haproxies: [{ binary, backend: articleBackend(2) }],
      policy: { ...TWO_SLOTS, options: cookies ? 'cookie {{ server }} check' : 'check' },
      fleet: { template: { path: 'edge.cfg.j2', text: TEMPLATE } },
    });
    bench.consul = [...entries(1, 4), entry('127.0.9.9', 81, { weights: { passing: 7, warning: 1 } })];
    expect((await bench.pass()).applied[0]?.report.reason).toBeNull();
    const before = await identified(bench);
    await only(bench).reload((await bench.store.get(configurationKey('edge')))?.body ?? '');
    expect((await bench.pass()).applied[0]?.report).toMatchObject({ commands: 0, reason: null });
    const after = await identified(bench);
    expect(after.slice(0, before.length)).toEqual(before);
    expect(after.length).toBeGreaterThan(before.length);

    bench.consul = entries(1, 2);
    await bench.pass();
    expect(await identified(bench)).toHaveLength(after.length);
  });

  test('comes back from its state file with the servers it was given, where the new configuration declares them', async () => {
    const folder = temporaryFolder('state');
    running.push({ stop: async () => folder.remove() });
    const file = join(folder.path, 'servers.state');
    // A name that resolves: only such lines get their addresses back.
    const declaring = (slots: number) =>
      configurationText({
        backend:
          'backend be_template\n  balance roundrobin\n  load-server-state-from-file global\n' +
          `  server-template websrv 1-${slots} localhost:8080 check disabled\n`,
      }).replace('global\n', `global\n  server-state-file ${file}\n`);
    const bench = await start({ haproxies: [{ binary, configuration: declaring(2) }], policy: TWO_SLOTS });
    bench.consul = entries(1, 4);
    await bench.pass();
    const before = await shownBy(only(bench));
    const snapshot = await bench.store.get(stateSnapshotKey('edge', 'lb1'));
    await writeFile(file, snapshot?.body ?? '');
    await only(bench).restart(declaring(5));
    expect((await shownBy(only(bench))).slice(0, 4)).toEqual(before);
    const { report } = (await bench.pass()).applied[0] ?? {};
    expect(report).toMatchObject({ reason: null, operatorHeld: [] });
  });

  test('has up to 4,095 ready servers in a backend', async () => {
    const many = Array.from({ length: 4095 }, (_, index) => entry(`10.1.${index >> 8}.${index & 255}`, 80));
    const bench = await start({
      haproxies: [
        { binary, backend: 'backend be_template\n  server-template websrv 1-95 127.0.0.1:8080 disabled\n' },
      ],
      policy: { slots: 95, options: '' },
      fleet: { timeoutMs: 30_000 },
    });
    bench.consul = [...many, entry('10.2.0.1', 80)];
    const { table, applied } = await bench.pass();
    expect(applied[0]).toMatchObject({ report: { reason: null } });
    expect(applied[0]?.changes.filter(({ kind }) => kind === 'grow')).toHaveLength(4000);
    expect((await shownBy(only(bench))).filter((line) => line.includes(' ready 1'))).toHaveLength(4095);
    expect(table.backends.be_template?.refused).toMatchObject([{ reason: expect.stringContaining('4095') }]);
  });

  test('with a static balance algorithm is asked once, and reported with its own words', async () => {
    const backend = articleBackend(2).replace('roundrobin', 'source');
    const bench = await start({ haproxies: [{ binary, backend }], policy: TWO_SLOTS });
    bench.consul = entries(1, 30);
    const { applied } = await bench.pass();
    const asked = applied[0]?.report.commands ?? 0;
    expect(asked).toBeLessThan(12);
    expect(applied[0]?.report.missingSlots).toHaveLength(28);
    expect(applied[0]?.report.reason).toContain('Backend must use a dynamic load balancing');
    expect(applied[0]?.report.reason).toContain('reload it with the rendered configuration');
    expect((await shownBy(only(bench))).filter((line) => line.includes(' ready '))).toHaveLength(2);
    expect((await bench.pass()).applied[0]?.report.commands).toBe(1);
    const [preview] = (await previewFleet(bench.ports, bench.fleet)).instances;
    expect(preview?.plan).toMatchObject({ changes: [], missingSlots: applied[0]?.report.missingSlots });
    expect(preview?.plan?.problems[0]?.reason).toContain('HAProxy did not take them at the last pass');
  });

  test('whose servers are checked through default-server is given none that would not be', async () => {
    const backend =
      'backend be_template\n  default-server check\n  server-template websrv 1-2 127.0.0.1:8080 disabled\n';
    const bench = await start({ haproxies: [{ binary, backend }], policy: { ...TWO_SLOTS, options: '' } });
    bench.consul = entries(1, 3);
    const { applied } = await bench.pass();
    expect(applied[0]?.report.reason).toContain('would lack `check`');
    expect(await shownBy(only(bench))).toHaveLength(2);
  });
});

describe.each(versions)('HAProxy $version', ({ version, path: binary }) => {
  const able = capabilitiesOf(version);
  const cases: readonly { readonly options: string; readonly grows: boolean; readonly why: string }[] = [
    {
      options: 'check',
      grows: able.addServer,
      why: 'cannot be given servers at run time (2.6 and newer can)',
    },
    {
      options: 'cookie {{ server }} check',
      grows: able.addServerWithCookie,
      why: able.addServer ? 'gives no cookie' : 'cannot be given servers at run time',
    },
  ];

  test.each(cases)('with `$options` grows, or says why it does not', async ({ options, grows, why }) => {
    const bench = await start({
      haproxies: [{ binary, backend: articleBackend(2) }],
      policy: { ...TWO_SLOTS, options },
    });
    const consul: readonly ServiceEntry[] = entries(1, 3);
    bench.consul = consul;
    const { report } = (await bench.pass()).applied[0] ?? {};
    expect(report?.converged).toBe(grows);
    expect(report?.missingSlots).toEqual(grows ? [] : ['be_template/websrv3']);
    if (!grows) expect(report?.reason).toContain(why);
    const ready = (await shownBy(only(bench))).filter((line) => line.includes(' ready '));
    expect(ready).toHaveLength(grows ? 3 : 2);
  });
});

/** `websrv1 1 127.0.0.1:80`: each server with its id, by which consistent hashing finds it. */
async function identified(bench: BenchFleet): Promise<string[]> {
  const [, header = '', ...lines] = (await only(bench).ask('show servers state be_template')).split('\n');
  const names = header.replace('# ', '').split(' ');
  return lines.map((line) => {
    const of = (column: string) => line.split(' ')[names.indexOf(column)];
    return `${of('srv_name')} ${of('srv_id')} ${of('srv_addr')}:${of('srv_port')} ${of('srv_uweight')}`;
  });
}
