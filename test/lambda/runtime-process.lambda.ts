import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startPackagedFunction } from '../../infra/local/lambda/runtime-process.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';

/** A function whose module is `code`, with a second to answer. */
async function start(code: string, timeoutMs = 30_000) {
  const folder = temporaryFolder('ric');
  onTestFinished(() => folder.remove());
  writeFileSync(join(folder.path, 'index.mjs'), code);
  const running = await startPackagedFunction({
    name: 'test',
    folder: folder.path,
    handler: 'index.handler',
    environment: { GREETING: 'hello' },
    timeoutMs,
    memoryMb: 128,
  });
  onTestFinished(() => running.stop());
  return running;
}

test('a function gets its event, its environment alone, and a deadline', async () => {
  const { invoke } = await start(`
    export const handler = async (event, context) => ({
      event, greeting: process.env.GREETING, home: process.env.HOME ?? null,
      remaining: context.getRemainingTimeInMillis(), id: context.awsRequestId,
    });
  `);
  const result = await invoke({ n: 1 });
  expect(result).toMatchObject({
    outcome: 'answered',
    payload: { event: { n: 1 }, greeting: 'hello', home: null, id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  });
  const { remaining } = (result as { payload: { remaining: number } }).payload;
  expect(remaining).toBeGreaterThan(0);
  expect(remaining).toBeLessThanOrEqual(30_000);
});

test('an error that the handler throws fails its event and no other', async () => {
  const { invoke } = await start(`
    export const handler = async ({ bad }) => { if (bad) throw new TypeError('no'); return 'fine'; };
  `);
  const error = { errorType: 'TypeError', errorMessage: 'no' };
  expect(await invoke({ bad: true })).toMatchObject({ outcome: 'failed', error });
  expect(await invoke({})).toEqual({ outcome: 'answered', payload: 'fine' });
});

test('a module that cannot be loaded says why', async () => {
  const { invoke } = await start("throw new RangeError('not today'); export const handler = () => 1;");
  const result = await invoke({});
  expect(result).toMatchObject({ outcome: 'failed', error: { errorMessage: 'not today' } });
});

test('a function over its timeout is ended, and the next event starts it anew', async () => {
  const { invoke, output } = await start(
    `
    console.log('started');
    export const handler = ({ hang }) => hang ? new Promise((done) => setTimeout(done, 120_000)) : Promise.resolve('fine');
  `,
    1_000,
  );
  const error = { errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out after 1.00 seconds' };
  expect(await invoke({ hang: true })).toMatchObject({ outcome: 'failed', error });
  expect(await invoke({})).toEqual({ outcome: 'answered', payload: 'fine' });
  expect(output().match(/started/g)).toHaveLength(2);
});

test('a function that ends its process fails its event, and the next one starts it anew', async () => {
  const { invoke } = await start(
    "export const handler = async ({ end }) => { if (end) process.exit(3); return 'fine'; };",
  );
  expect(await invoke({ end: true })).toMatchObject({ error: { errorType: 'Runtime.ExitError' } });
  expect(await invoke({})).toEqual({ outcome: 'answered', payload: 'fine' });
});

test('a function that has answered stands still until the next event', async () => {
  const { invoke } = await start(`
    let ticks = 0;
    export const handler = async ({ count }) => {
      if (count) return ticks;
      setInterval(() => { ticks += 1; }, 5);
      return 'answered';
    };
  `);
  await invoke({});
  await sleep(200);
  expect(await invoke({ count: true })).toMatchObject({ payload: expect.toSatisfy((ticks) => ticks <= 3) });
});
