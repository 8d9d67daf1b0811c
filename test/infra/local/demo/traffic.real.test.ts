import { createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { startTraffic, type Traffic } from '../../../../infra/local/demo/traffic.ts';
import { freePort } from '../../../../infra/local/free-port.ts';
import { until } from '../../../../infra/local/until.ts';
import { startWebServer } from '../../../../infra/local/web-server.ts';

let traffic: Traffic;
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await traffic.stop();
  await Promise.all(ends.splice(0).map((end) => end()));
});

function start(url: string): void {
  traffic = startTraffic({ frontends: { lb1: url }, clientsEach: 2, everyMs: 5 });
}

/** A load balancer of which the test says how it answers. */
async function answering(status: () => number): Promise<string> {
  const port = await freePort();
  const server = createServer((_request, response) => {
    if (status() === 0) response.destroy();
    else response.writeHead(status(), { 'X-Served-By': 'web1' }).end('web1\n');
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${port}`;
}

test('every answer says who served, and when', async () => {
  const web = await startWebServer({ name: 'web1' });
  ends.push(() => web.stop());
  const before = Date.now();
  start(web.url);
  await until(() => traffic.answers.length >= 10, { what: 'ten answers' });
  for (const answer of traffic.answers) {
    expect(answer).toMatchObject({ instance: 'lb1', server: 'web1', failure: null });
    expect(answer.atMs).toBeGreaterThanOrEqual(before - 1);
  }
});

test('503 is no failure before the first 200, and one afterwards', async () => {
  let status = 503;
  start(await answering(() => status));
  await until(() => traffic.beforeAnyServer >= 3, { what: 'three answers before anybody served' });
  expect(traffic.answers).toEqual([]);
  status = 200;
  await until(() => traffic.answers.length >= 3, { what: 'three answers' });
  status = 503;
  await until(() => traffic.answers.some(({ failure }) => failure === 'HTTP 503'), { what: 'a failure' });
});

const failures = [
  { what: 'another status', status: 404 },
  { what: 'a connection that is cut', status: 0 },
];
test.each(failures)('$what is a failure from the start', async ({ status }) => {
  start(await answering(() => status));
  await until(() => traffic.answers.length >= 3, { what: 'three answers' });
  expect(traffic.answers.every(({ failure, server }) => failure !== null && server === null)).toBe(true);
});

test('nobody listening is a failure', async () => {
  start(`http://127.0.0.1:${await freePort()}`);
  await until(() => traffic.answers.length >= 3, { what: 'three answers' });
  expect(traffic.answers[0]?.failure).toContain('ECONNREFUSED');
});

test('a paused load balancer gets no request, and its clients come back', async () => {
  const web = await startWebServer({ name: 'web1' });
  ends.push(() => web.stop());
  start(web.url);
  await until(() => traffic.answers.length >= 5, { what: 'five answers' });
  await traffic.pause('lb1');
  await web.kill();
  const { length } = traffic.answers;
  await web.restart();
  traffic.resume('lb1');
  await until(() => traffic.answers.length >= length + 5, { what: 'five more answers' });
  expect(traffic.answers.filter(({ failure }) => failure !== null)).toEqual([]);
});
