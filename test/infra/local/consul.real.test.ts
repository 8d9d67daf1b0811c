import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type ConsulOptions, type LocalConsul, startConsul } from '../../../infra/local/consul.ts';
import { isAlive } from '../../../infra/local/process.ts';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import { until } from '../../../infra/local/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: ConsulOptions = {}): Promise<LocalConsul> {
  const consul = await startConsul(options);
  cleanups.push(() => consul.stop());
  return consul;
}

interface Post {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly ids: readonly string[];
}

/** What a watch posts to, remembering it. */
async function receiver() {
  const posts: Post[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body: { Service: { ID: string } }[] = JSON.parse(Buffer.concat(chunks).toString());
    posts.push({
      path: `${request.method} ${request.url}`,
      headers: request.headers,
      ids: body.map(({ Service }) => Service.ID),
    });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    posts,
    posted: (what: string, matches: (post: Post) => boolean) =>
      until(() => posts.find(matches), { what: `a post of ${what}` }),
  };
}

const web = (id: string) => ({ id, name: 'my-cluster', address: '127.0.0.9', port: 8080 });

test('a service watch posts the state at the start and after a change, with index and headers', async () => {
  const { url, posts, posted } = await receiver();
  const handler = { url: `${url}/watch/my-cluster?from=local`, headers: { Authorization: 'Bearer token-1' } };
  const consul = await start({ watches: [{ service: 'my-cluster', handler }] });

  await posted('nothing', ({ ids }) => ids.length === 0);
  await consul.register(web('web1'));
  const post = await posted('web1', ({ ids }) => ids.includes('web1'));

  expect(post.path).toBe('POST /watch/my-cluster?from=local');
  expect(post.headers.authorization).toBe('Bearer token-1');
  expect(post.headers['x-consul-index']).toMatch(/^\d+$/);
  expect(posts.every(({ headers }) => headers['content-type'] === 'application/json')).toBe(true);
});

test('watches are replaced by a reload, which loses no service', async () => {
  const { url, posts, posted } = await receiver();
  const consul = await start({ services: [web('web1'), web('web2')] });
  expect(posts).toEqual([]);
  await consul.setWatches([{ service: 'my-cluster', handler: { url } }]);
  await posted('both', ({ ids }) => ids.length === 2);
  await consul.deregister('web1');
  await posted('web2 alone', ({ ids }) => ids.length === 1 && ids[0] === 'web2');
});

test('a watch of type script gets the body on standard input', async () => {
  const folder = temporaryFolder('watch');
  cleanups.push(() => folder.remove());
  const [script, out] = [join(folder.path, 'handler.sh'), join(folder.path, 'out')];
  await writeFile(script, `cat > ${out}.new && mv ${out}.new ${out}\n`);
  await start({
    services: [web('web1')],
    watches: [{ service: 'my-cluster', handler: { args: ['/bin/sh', script] } }],
  });
  await until(async () => (await readFile(out, 'utf8')).includes('"ID":"web1"'), { what: 'the handler' });
});

test('a TTL check, maintenance and weights show in the health of a service', async () => {
  const consul = await start({
    services: [
      { ...web('web1'), weights: { passing: 7, warning: 2 }, checks: [{ ttl: '10m', status: 'passing' }] },
    ],
  });
  const shows = (what: string) =>
    until(async () => JSON.stringify(await consul.health('my-cluster')).includes(what), { what });
  await shows('"Passing":7,"Warning":2');
  await consul.setCheck('service:web1', 'warning', 'slow disk');
  await shows('"Status":"warning"');
  await shows('slow disk');
  await consul.setMaintenance('web1', true, 'new kernel');
  await shows('_service_maintenance:web1');
  await shows('new kernel');
  await consul.setMaintenance('web1', false);
  await until(
    async () => !JSON.stringify(await consul.health('my-cluster')).includes('_service_maintenance'),
    {
      what: 'the end of maintenance',
    },
  );
});

test.each([
  { what: 'an agent in memory', durable: false },
  { what: 'a durable server', durable: true },
])('$what has its services again after a kill', async ({ durable }) => {
  const consul = await start({ durable, services: [web('web1')] });
  const { url, pid } = consul;
  await consul.kill();
  expect([consul.running(), isAlive(pid)]).toEqual([false, false]);
  await expect(consul.health('my-cluster')).rejects.toThrow();
  await consul.restart();
  expect(consul.url).toBe(url);
  await until(async () => (await consul.health('my-cluster')).length === 1, { what: 'web1' });
});

test('the catalog takes what no agent would: other nodes, and addresses that are none', async () => {
  const consul = await start();
  const hostile = '127.0.0.1;disable server be/srv';
  await consul.request('PUT', '/v1/catalog/register', {
    Node: 'virtdeb2',
    Address: '192.168.122.66',
    Service: { ID: 'bad', Service: 'my-cluster', Address: hostile, Port: 80 },
  });
  expect(JSON.stringify(await consul.health('my-cluster'))).toContain(hostile);
});

test('a call that Consul refuses says which, and why', async () => {
  const consul = await start();
  await expect(consul.setCheck('service:nobody', 'passing')).rejects.toThrow(
    /PUT \/v1\/agent\/check\/update\/service%3Anobody.*nobody/s,
  );
});
