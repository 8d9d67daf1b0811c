/** The rules of X-Consul-Index, told by what is asked next. */

import { expect, test } from 'vitest';
import type { ServiceReading } from '../../lib/consul/consul-reader.ts';
import { followService } from '../../lib/consul/follow-service.ts';
import type { HealthEntry } from '../../lib/model/service-entry.ts';

const entry = (address: string): HealthEntry => ({
  ...{ node: 'n', id: address, address, port: 80, tags: [], status: 'passing' },
  weights: { passing: 1, warning: 1 },
});

interface Answer {
  readonly index: string | null;
  readonly has?: readonly string[];
  /** How long Consul kept the question open. */
  readonly afterMs?: number;
}

/** Gives these answers, then ends. `down`: cannot be asked. */
async function followed(answers: readonly (Answer | 'down')[]) {
  const ending = new AbortController();
  const asked: (string | null)[] = [];
  const heard: (string | 'failure')[] = [];
  const slept: number[] = [];
  let nowMs = 0;
  const ask = async (_: string, after: string | null): Promise<ServiceReading> => {
    const answer = answers[asked.length];
    asked.push(after);
    if (answer === undefined) ending.abort();
    if (answer === undefined || answer === 'down') throw new Error('ECONNREFUSED');
    nowMs += answer.afterMs ?? 5_000;
    return { index: answer.index, entries: (answer.has ?? ['10.0.0.1']).map(entry) };
  };
  const sleep = async (ms: number) => void slept.push(ms);
  await followService(
    { ask, sleep, random: () => 1, steadyMs: () => nowMs },
    'web',
    {
      onReading: ({ entries }) => void heard.push(entries.map(({ address }) => address).join()),
      onFailure: () => void heard.push('failure'),
    },
    ending.signal,
  );
  return { asked, heard, slept };
}

test('each question names the index of the answer before', async () => {
  const { asked, heard, slept } = await followed([
    { index: '5' },
    { index: '7', has: ['10.0.0.1', '10.0.0.2'], afterMs: 0 },
  ]);
  expect(asked).toEqual([null, '5', '7']);
  expect(heard).toEqual(['10.0.0.1', '10.0.0.1,10.0.0.2']);
  expect(slept).toEqual([]);
});

test('an answer that says nothing new wakes nobody', async () => {
  expect((await followed([{ index: '5' }, { index: '5' }, { index: '6' }])).heard).toEqual(['10.0.0.1']);
});

test('an index that fell is heard of, and counts no more', async () => {
  const { asked, heard } = await followed([{ index: '29' }, { index: '5' }, { index: '5' }]);
  expect(asked).toEqual([null, '29', null, '5']);
  expect(heard).toEqual(['10.0.0.1', '10.0.0.1']);
});

test('indexes are compared as whole numbers of any size', async () => {
  const { asked } = await followed([{ index: '9007199254740993' }, { index: '9007199254740992' }]);
  expect(asked).toEqual([null, '9007199254740993', null]);
});

test('after a failure Consul is asked anew, and its answer is heard of although it is the same', async () => {
  const { asked, heard } = await followed([{ index: '5' }, 'down', 'down', { index: '3' }]);
  expect(asked).toEqual([null, '5', null, null, '3']);
  expect(heard).toEqual(['10.0.0.1', 'failure', 'failure', '10.0.0.1']);
});

test('failures are further and further apart, at most five seconds', async () => {
  const { slept } = await followed(Array.from({ length: 9 }, () => 'down' as const));
  expect(slept).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000]);
});

test.each([
  { what: 'no index', index: null },
  { what: 'an index of 0', index: '0' },
  { what: 'an index that is no number', index: 'soon' },
])('$what: asked every second', async ({ index }) => {
  const { asked, slept } = await followed([{ index }, { index }]);
  expect([asked, slept]).toEqual([
    [null, null, null],
    [1_000, 1_000],
  ]);
});

test('somebody who answers at once, though nothing changed, is asked every second', async () => {
  const { slept } = await followed([{ index: '5' }, { index: '5', afterMs: 2 }]);
  expect(slept).toEqual([1_000]);
});
