/** Numbers of slots as a short text, `1-5,9`: a report may name thousands. */

/** @param numbers from 1, rising. None: the empty text. */
export function slotRanges(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** What `slotRanges` wrote; at most so long as 4,095 single slots make it. */
export const SLOT_RANGES = /^(\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?){0,4095})?$/;

/** Whether a number is in what `slotRanges` wrote. */
export function slotsIn(ranges: string): (number: number) => boolean {
  if (ranges === '') return () => false;
  const pairs = ranges.split(',').map((range) => range.split('-').map(Number));
  return (number) => pairs.some(([first = 0, last = first]) => number >= first && number <= last);
}
