import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SLOT_RANGES, slotRanges, slotsIn } from '../../lib/model/slot-ranges.ts';

test('numbers that follow each other are a range', () => {
  expect(slotRanges([1, 2, 3, 5, 9, 10])).toBe('1-3,5,9-10');
  expect(slotRanges([])).toBe('');
});

test('a text has exactly the numbers that it was made of, and is one that may be stored', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 60 })), (numbers) => {
      const text = slotRanges(numbers.sort((one, other) => one - other));
      const all = Array.from({ length: 60 }, (_, index) => index + 1);
      expect(all.filter(slotsIn(text))).toEqual(numbers);
      expect(text).toMatch(SLOT_RANGES);
    }),
  );
});
