/** What every object store keeps, whatever it is made of. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { increment } from './increment.ts';

export interface StoreUnderTest {
  readonly store: ObjectStore;
  stop(): Promise<void>;
}

/** Declares the tests. Each uses keys of its own, so one store serves all. */
export function describeObjectStore(what: string, start: () => Promise<StoreUnderTest>): void {
  describe(`object-store contract: ${what}`, () => {
    let store: ObjectStore;
    let stop: () => Promise<void> = async () => {};

    beforeAll(async () => {
      const started = await start();
      store = started.store;
      stop = () => started.stop();
    });
    afterAll(() => stop());

    test('an object that was never written is null', async () => {
      expect(await store.get('fleets/none/slots.json')).toBeNull();
    });

    test('an object comes back as it was written, and a put replaces all of it', async () => {
      const long = `naïve 東京 🙂\r\n\0${'x'.repeat(100_000)}`;
      await store.put('put/a.json', long);
      expect((await store.get('put/a.json'))?.body).toBe(long);
      await store.put('put/a.json', '');
      expect((await store.get('put/a.json'))?.body).toBe('');
    });

    test('keys do not disturb each other, not even one within the other’s folder', async () => {
      await store.put('keys/a/b.json', 'b');
      await store.put('keys/a/b.json.bak', 'bak');
      await store.put('keys/a/c/b.json', 'c');
      expect((await store.get('keys/a/b.json'))?.body).toBe('b');
      expect(await store.get('keys/b.json')).toBeNull();
    });

    test('what is directly in a folder is listed, objects and folders alike', async () => {
      await Promise.all(['1/a', '1/b', '20/a', 'c.json'].map((key) => store.put(`listed/${key}`, key)));
      expect([...((await store.list?.('listed')) ?? [])].sort()).toEqual(['1', '20', 'c.json']);
      expect(await store.list?.('listed/none')).toEqual([]);
    });

    test('the ETag of a conditional put is the one that a reader gets, and replaces what it was for', async () => {
      const first = await store.putIf('etag.json', 'one', null);
      if (first === 'lost-race') throw new Error('nobody else was there');
      expect(await store.get('etag.json')).toEqual({ body: 'one', etag: first.etag });
      const second = await store.putIf('etag.json', 'two', first.etag);
      if (second === 'lost-race') throw new Error('nobody else was there');
      expect(second.etag).not.toBe(first.etag);
      expect(await store.get('etag.json')).toEqual({ body: 'two', etag: second.etag });
    });

    test('equal content has an equal ETag', async () => {
      await store.put('equal.json', 'same');
      const before = await store.get('equal.json');
      await store.put('equal.json', 'same');
      expect(await store.get('equal.json')).toEqual(before);
    });

    test.each([
      { what: 'a stale ETag', expected: 'read' },
      { what: 'no object expected', expected: null },
      { what: 'an ETag of nowhere', expected: '"0123456789abcdef0123456789abcdef"' },
    ])('with $what nothing is written', async ({ what: name, expected }) => {
      const key = `stale/${name.replaceAll(' ', '-')}.json`;
      await store.put(key, 'old');
      const read = await store.get(key);
      await store.put(key, 'somebody else’s');
      const present = await store.get(key);
      const result = await store.putIf(key, 'mine', expected === 'read' ? (read?.etag ?? null) : expected);
      expect(result).toBe('lost-race');
      expect(await store.get(key)).toEqual(present);
    });

    test('an object that is gone is a lost race, too, and stays gone', async () => {
      expect(await store.putIf('gone.json', 'mine', '"0123456789abcdef0123456789abcdef"')).toBe('lost-race');
      expect(await store.get('gone.json')).toBeNull();
    });

    test('of 20 creators at once one wins, and its object is there', async () => {
      const bodies = Array.from({ length: 20 }, (_, creator) => `creator ${creator}`);
      const results = await Promise.all(bodies.map((body) => store.putIf('create.json', body, null)));
      const winners = results.flatMap((result, index) => (result === 'lost-race' ? [] : [{ result, index }]));
      expect(winners).toHaveLength(1);
      expect(await store.get('create.json')).toEqual({
        body: bodies[winners[0]?.index ?? -1],
        etag: winners[0]?.result.etag,
      });
    });

    test('a counter that many increment at once loses nothing', async () => {
      await Promise.all(Array.from({ length: 6 }, () => increment(store, 'counter', 5)));
      expect((await store.get('counter'))?.body).toBe('30');
    });

    test('readers during writes see whole objects only', async () => {
      const bodies = ['a', 'b', 'c'].map((letter) => letter.repeat(200_000));
      let writing = true;
      const writer = (async () => {
        for (let round = 0; round < 20; round += 1) await store.put('whole', bodies[round % 3] ?? '');
        writing = false;
      })();
      while (writing) {
        const read = await store.get('whole');
        if (read !== null) expect(bodies.includes(read.body)).toBe(true);
      }
      await writer;
    });
  });
}
