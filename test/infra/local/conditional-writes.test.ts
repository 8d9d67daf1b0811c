import { setTimeout as sleep } from 'node:timers/promises';
import { buildApp } from 'fauxqs';
import { expect, test } from 'vitest';
import { addConditionalWrites } from '../../../infra/local/conditional-writes.ts';

/** Writes that arrive in the very same moment, and an emulator that takes its time to say what is stored. */
test('of 20 writes under one ETag that arrive at once, one is done', async () => {
  const app = buildApp({ logger: false });
  addConditionalWrites(app);
  app.addHook('onRequest', async ({ method }) => {
    if (method === 'HEAD') await sleep(5);
  });
  await app.inject({ method: 'PUT', url: '/bucket' });
  const first = await app.inject({ method: 'PUT', url: '/bucket/key', payload: 'first' });

  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, writer) =>
      app.inject({
        method: 'PUT',
        url: '/bucket/key',
        headers: { 'if-match': String(first.headers.etag) },
        payload: `writer ${writer}`,
      }),
    ),
  );

  const winners = answers.flatMap(({ statusCode }, writer) => (statusCode === 200 ? [writer] : []));
  expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([200, ...Array(19).fill(412)]);
  expect((await app.inject({ method: 'GET', url: '/bucket/key' })).body).toBe(`writer ${winners[0]}`);
  await app.close();
});
