import { expect, test } from 'vitest';
import { once } from '../../functions/once.ts';

test('what is made is kept, also by those who ask at the same time', async () => {
  let count = 0;
  const next = once(async () => {
    count += 1;
    return count;
  });
  expect(await Promise.all([next(), next()])).toEqual([1, 1]);
  expect(await next()).toBe(1);
});

test('a failure is not kept', async () => {
  let count = 0;
  const next = once(async () => {
    count += 1;
    if (count === 1) throw new Error('not yet');
    return count;
  });
  await expect(next()).rejects.toThrow('not yet');
  expect(await next()).toBe(2);
});
