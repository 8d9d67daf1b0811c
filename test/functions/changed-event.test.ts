import { expect, test } from 'vitest';
import { readWatchBody } from '../../functions/changed-event.ts';
import { healthEntry } from './health-entry.ts';
import { httpEvent } from './http-event.ts';

test('what goes into a message is what decides about a server, and nothing more', () => {
  const { entries } = readWatchBody(httpEvent({ body: JSON.stringify([healthEntry('10.0.0.1')]) }));
  expect(entries).toEqual([
    {
      ...{ address: '10.0.0.1', port: 8080, tags: [] },
      ...{ status: 'passing', weights: { passing: 1, warning: 1 } },
    },
  ]);
});
