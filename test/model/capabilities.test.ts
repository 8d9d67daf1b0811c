import { expect, test } from 'vitest';
import { capabilitiesOf, since } from '../../lib/model/capabilities.ts';

test.each([
  { version: '2.2.9-2+deb11u6', addServer: false, addServerWithCookie: false, forgetsFormerAddress: false },
  { version: '2.5.14', addServer: false, addServerWithCookie: false, forgetsFormerAddress: false },
  { version: '2.6.12-1+deb12u4', addServer: true, addServerWithCookie: false, forgetsFormerAddress: false },
  { version: '2.10.0', addServer: true, addServerWithCookie: false, forgetsFormerAddress: false },
  { version: '3.0.11', addServer: true, addServerWithCookie: true, forgetsFormerAddress: true },
  { version: '3.2.26-1', addServer: true, addServerWithCookie: true, forgetsFormerAddress: true },
  { version: '10.0-dev1', addServer: true, addServerWithCookie: true, forgetsFormerAddress: true },
  { version: 'master', addServer: false, addServerWithCookie: false, forgetsFormerAddress: false },
])('what HAProxy $version can do', (able) => {
  expect(capabilitiesOf(able.version)).toEqual(able);
});

test('a sentence can say since when', () => {
  expect(since('addServer')).toBe('2.6');
});
