import { expect, test } from 'vitest';
import type { Fleet } from '../../lib/model/fleet.ts';
import { slotTableKey } from '../../lib/store/keys.ts';
import { type ObjectStore, StoreFailed } from '../../lib/store/object-store.ts';
import { encodeSlotTable } from '../../lib/store/slot-table-document.ts';
import { StoreClock } from '../../lib/store/store-clock.ts';
import { surveyFleet } from '../../lib/sync/survey.ts';
import { createMemoryStore } from '../bench/memory-store.ts';
import { policy } from '../slots/records.ts';

const FLEET: Fleet = {
  ...{ name: 'edge', instances: [], instancesFrom: null, tls: {}, shard: 50, timeoutMs: 1_000 },
  ...{ snapshotEveryMs: 0, reportEveryMs: 0, template: null, backends: [policy()] },
};
const TABLE = encodeSlotTable({
  version: 1,
  fleet: 'edge',
  generation: 3,
  configuration: null,
  backends: {},
});

async function survey(differs: Partial<ObjectStore>) {
  const memory = createMemoryStore();
  await memory.put(slotTableKey('edge'), TABLE);
  const found = await surveyFleet(
    {
      store: { ...memory, ...differs },
      readService: async () => ({ entries: [] }),
      openSession: () => Promise.reject(new Error('there is nobody')),
      now: Date.now,
      log: () => {},
    },
    FLEET,
  );
  return { ...found.store, kept: (await memory.get(slotTableKey('edge')))?.body };
}

test('a store that may be read and written is well, and left as it is', async () => {
  expect(await survey({})).toEqual({ generation: 3, problems: [], kept: TABLE });
});

test('a store that may be read, and not written, is a problem', async () => {
  const putIf = async () => {
    throw new StoreFailed('put', 's3://bucket/fleets/edge/slots.json', new Error('AccessDenied'));
  };
  expect(await survey({ putIf })).toMatchObject({
    generation: 3,
    problems: ['cannot put s3://bucket/fleets/edge/slots.json: AccessDenied'],
  });
});

test('a machine whose clock is an hour off is told so', async () => {
  const clock = new StoreClock(() => Date.now() + 3_600_000);
  await clock.hear(
    async () => new Date().toUTCString(),
    (date) => date,
  );
  const { clockOffMs } = await survey({ clock });
  expect(Math.abs((clockOffMs ?? 0) - 3_600_000)).toBeLessThan(1_100);
});

test('what a store says is in the way stands for what reading it failed with', async () => {
  const get = async () => {
    throw new StoreFailed('get', '/x', new Error('EACCES'));
  };
  expect(await survey({ get, obstacles: async () => ['it belongs to user ada'] })).toMatchObject({
    generation: null,
    problems: ['it belongs to user ada'],
  });
});
