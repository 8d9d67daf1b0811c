/** `hitless` on a machine whose clock is an hour ahead of S3's: a proxy sets the time in S3's answers back. */

import { writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startEmulator } from '../../infra/local/emulator.ts';
import { createS3Store } from '../../lib/store/s3-store.ts';
import { decodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { createBench } from './bench.ts';
import { startFakeConsul } from './fake-consul.ts';

const HOUR_MS = 3_600_000;

async function hourBack(endpoint: string): Promise<string> {
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    const on = request(`${endpoint}${url}`, { method, headers }, (said) => {
      answer.sendDate = false;
      const date = new Date(Date.now() - HOUR_MS).toUTCString();
      answer.writeHead(said.statusCode ?? 500, { ...said.headers, date });
      said.pipe(answer);
    });
    asked.pipe(on);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('the times in the table are the store’s, and the machine is told by name', async () => {
  const emulator = await startEmulator();
  onTestFinished(() => emulator.stop());
  await emulator.createBucket('hitless');
  const consul = await startFakeConsul();
  onTestFinished(() => consul.stop());
  consul.register([{ address: '10.0.0.1', port: 80 }]);
  const { folder, hitless } = createBench({ instances: {}, consul: consul.url });
  const text = `consul: { address: "${consul.url}" }
store: s3://hitless/clock
fleets:
  edge: { instances: { lb1: tcp://127.0.0.1:1 }, backends: { be: { service: my-cluster } } }
`;
  writeFileSync(join(folder, 'hitless.yml'), text);
  const environment = { ...emulator.environment, AWS_ENDPOINT_URL_S3: await hourBack(emulator.s3Endpoint) };

  const { stderr } = await hitless('sync', { environment });
  const told = new RegExp(
    `^hitless: edge: the clock of this machine \\(${hostname()}\\) is 3[56]\\d\\d s ahead of the store's, which is used instead; set it$`,
    'm',
  );
  expect(stderr).toMatch(told);
  expect(stderr.match(/clock of this machine/g)).toHaveLength(1);
  const store = createS3Store(emulator.s3, { bucket: 'hitless', prefix: 'clock' });
  const table = decodeSlotTable('k', (await store.get('fleets/edge/slots.json'))?.body ?? '');
  const [cause] = table.trail ?? [];
  expect(Math.abs((cause?.assignedAtMs ?? 0) - (Date.now() - HOUR_MS))).toBeLessThan(60_000);

  const { stdout } = await hitless('check --live', { environment });
  expect(stdout).toContain(`the clock of this machine (${hostname()}) is `);
});
