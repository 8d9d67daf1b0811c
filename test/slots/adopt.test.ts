import { expect, test } from 'vitest';
import { adoptableSlots } from '../../lib/slots/adopt.ts';
import { seen } from '../plan/records.ts';
import { endpoint } from './records.ts';

const at = (number: number) => ({ address: endpoint(number).address, port: endpoint(number).port });

test('everybody in rotation is adopted in its slot, whether Consul has it or not', () => {
  const servers = [
    seen(1),
    seen(2, { ...at(2), admin: 'ready' }),
    seen(3, { ...at(3), admin: 'drain', weight: 5 }),
  ];
  const adoptable = adoptableSlots(servers, 'websrv', [endpoint(3)]);
  expect(adoptable?.slots).toEqual(
    new Map([
      [2, endpoint(2)],
      [3, endpoint(3, 5)],
    ]),
  );
  expect(adoptable?.servesAny).toBe(true);
});

test('an instance on which nobody is in rotation has nothing to teach', () => {
  expect(adoptableSlots([seen(1), seen(2, at(2))], 'websrv', [endpoint(2)])).toBeNull();
});

test('a server that an operator put in maintenance keeps its slot', () => {
  const servers = [seen(1, { ...at(1), admin: 'ready' }), seen(2, at(2))];
  expect(adoptableSlots(servers, 'websrv', [endpoint(2)])?.slots.get(2)).toEqual(endpoint(2));
});

test('slots that a server-template left at an endpoint’s address are free', () => {
  const servers = [seen(1, { ...at(1), admin: 'ready' }), seen(2, at(2)), seen(3, at(2))];
  expect([...(adoptableSlots(servers, 'websrv', [endpoint(2)])?.slots.keys() ?? [])]).toEqual([1]);
});

test('servers with other names, and addresses that are nobody’s, are not slots', () => {
  const servers = [
    seen(1, { ...at(1), admin: 'ready', server: 'static' }),
    seen(2, { ...at(1), admin: 'ready', server: 'websrv02' }),
    seen(3, { admin: 'ready' }),
    seen(4, { admin: 'ready', address: '-', port: 0 }),
  ];
  expect(adoptableSlots(servers, 'websrv', [])).toBeNull();
});
