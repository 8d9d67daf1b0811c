/** The article's state file: an HAProxy restarted from our snapshot, with the lines that we recommend and with its own. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { type TemporaryFolder, temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { createDirectoryStore } from '../../lib/store/directory-store.ts';
import { stateSnapshotKey } from '../../lib/store/keys.ts';
import { entries, entry, shownBy, startBenchFleet } from './bench-fleet.ts';

const SNIPPET = readFileSync(new URL('../../infra/host/snippets/state-file.cfg', import.meta.url), 'utf8');
const RECOMMENDED = 'slot.invalid:80 check disabled init-addr last,0.0.0.0';
const SNAPSHOT = '/var/lib/hitless/fleets/edge/instances/lb1/servers.state';

const running: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

/** What the snippet leaves to its reader. */
const REST = `
global
  stats socket "\${HITLESS_SOCKET}" mode 600 level admin
  stats socket "ipv4@\${HITLESS_RUNTIME}" level admin
frontend fe_main
  bind "\${HITLESS_FRONTEND}"
  default_backend be_template
`;

function folderOf(name: string): TemporaryFolder {
  const folder = temporaryFolder(name);
  running.push({ stop: async () => folder.remove() });
  return folder;
}

/** A fleet of one HAProxy that reads its servers' state from its own snapshot in a `file:` store. */
async function start(binary: string, line: string) {
  const folder = folderOf('state');
  const bench = await startBenchFleet({
    haproxies: [
      {
        binary,
        configuration:
          SNIPPET.replace(SNAPSHOT, join(folder.path, stateSnapshotKey('edge', 'lb1'))).replace(
            RECOMMENDED,
            line,
          ) + REST,
      },
    ],
    policy: { slots: 100, drainMs: 600_000 },
  });
  running.push(bench);
  Object.assign(bench.ports, { store: createDirectoryStore(folder.path) });
  const [haproxy] = bench.haproxies;
  if (haproxy === undefined) throw new Error('no HAProxy');
  return { bench, haproxy };
}

test('the snippet has what this test takes from it', () => {
  expect(SNIPPET).toContain(RECOMMENDED);
  expect(SNIPPET).toContain(SNAPSHOT);
});

describe.each(await haproxyVersions())('HAProxy $version', ({ path: binary }) => {
  test('has every address, port, weight and state again after a restart with the recommended lines', async () => {
    const { bench, haproxy } = await start(binary, RECOMMENDED);
    bench.consul = [
      ...entries(51, 90),
      entry('127.0.52.1', 81, { weights: { passing: 7, warning: 1 } }),
      entry('127.0.52.2', 82, { weights: { passing: 0, warning: 1 } }),
      entry('::1', 83, { weights: { passing: 256, warning: 1 } }),
    ];
    await bench.pass();
    for (const held of ['websrv3 state drain', 'websrv4 state maint']) {
      await haproxy.ask(`set server be_template/${held}`);
    }
    bench.consul = bench.consul.slice(1);
    const { applied } = await bench.pass({ snapshots: 'always' });
    expect(applied[0]?.report.reason).toBeNull();
    const before = await shownBy(haproxy);
    expect(new Set(before.map((line) => line.split(' ')[2]))).toEqual(new Set(['ready', 'drain', 'maint']));

    await haproxy.restart();
    expect(await shownBy(haproxy)).toEqual(before);
    const after = await bench.pass();
    expect(after.applied[0]?.report).toMatchObject({ reason: null, commands: 0 });
    expect(after.applied[0]?.report.operatorHeld.map(({ slot, state }) => `${slot} ${state}`)).toEqual([
      'websrv3 drain',
      'websrv4 maint',
    ]);
  });

  test('has other addresses after a restart with the article’s lines, and the next pass puts them right', async () => {
    const { bench, haproxy } = await start(binary, '127.0.0.1:8080 check disabled');
    bench.consul = entries(51, 3);
    await bench.pass({ snapshots: 'always' });
    const before = await shownBy(haproxy);
    await haproxy.restart();
    expect((await shownBy(haproxy))[0]).toBe('websrv1 127.0.0.1:8080 ready 1');
    await bench.pass();
    expect(await shownBy(haproxy)).toEqual(before);
  });
});
