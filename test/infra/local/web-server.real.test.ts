import { afterEach, expect, test } from 'vitest';
import { until } from '../../../infra/local/until.ts';
import { startWebServer, startWebServers, type WebServer } from '../../../infra/local/web-server.ts';

const servers: WebServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.kill())));

async function start(options: Parameters<typeof startWebServer>[0]): Promise<WebServer> {
  const server = await startWebServer(options);
  servers.push(server);
  return server;
}

test('a dozen servers each say who they are and count what they were asked', async () => {
  servers.push(...(await startWebServers(12)));
  for (const server of servers) {
    const answer = await fetch(`${server.url}/any/path`);
    expect(answer.headers.get('x-served-by')).toBe(server.name);
    expect(await answer.text()).toBe(`${server.name}\n`);
  }
  expect(servers.map(({ requests }) => requests)).toEqual(Array(12).fill(1));
  expect(new Set(servers.map(({ name }) => name)).size).toBe(12);
});

test('two addresses may have one port', async () => {
  const one = await start({ name: 'one', address: '127.0.0.42' });
  const two = await start({ name: 'two', address: '127.0.0.43', port: one.port });
  expect(await (await fetch(one.url)).text()).toBe('one\n');
  expect(await (await fetch(two.url)).text()).toBe('two\n');
});

test('a health check is answered and not counted', async () => {
  const server = await start({ name: 'web1' });
  expect((await fetch(server.url, { method: 'HEAD' })).status).toBe(200);
  expect([server.requests, server.firstRequestAt]).toEqual([0, null]);
});

test('a kill cuts the request under way and closes the port; a restart opens the same one', async () => {
  const server = await start({ name: 'web1', delay: 200 });
  const underWay = expect(fetch(server.url)).rejects.toThrow();
  await until(() => server.requests === 1, { what: 'the request', every: 1 });
  await server.kill();
  await underWay;
  await expect(fetch(server.url)).rejects.toThrow();
  await server.restart();
  expect(await (await fetch(server.url)).text()).toBe('web1\n');
});

test('a stop lets the request under way finish', async () => {
  const server = await start({ name: 'web1', delay: 50 });
  const underWay = fetch(server.url);
  await until(() => server.requests === 1, { what: 'the request', every: 1 });
  await server.stop();
  expect(await (await underWay).text()).toBe('web1\n');
  await expect(fetch(server.url)).rejects.toThrow();
});

test('a port in use is an error', async () => {
  const server = await start({ name: 'web1' });
  await expect(startWebServer({ name: 'web2', port: server.port })).rejects.toThrow(/EADDRINUSE/);
});
