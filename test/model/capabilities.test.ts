import { expect, test } from 'vitest';
import { capabilitiesOf, since } from '../../lib/model/capabilities.ts';

const NONE = {
  addServer: false,
  addServerWithCookie: false,
  poolsForAddedServers: false,
  forgetsFormerAddress: false,
  setsAddressesLater: false,
  deletesServersSafely: false,
};
const ALL = {
  addServer: true,
  addServerWithCookie: true,
  poolsForAddedServers: true,
  forgetsFormerAddress: true,
  setsAddressesLater: true,
  deletesServersSafely: false,
};

test.each([
  { version: '2.2.9-2+deb11u6', ...NONE },
  { version: '2.5.14', ...NONE },
  { version: '2.6.12-1+deb12u4', ...NONE, addServer: true },
  { version: '2.10.0', ...NONE, addServer: true },
  { version: '3.0.11', ...ALL },
  { version: '3.2.21', ...ALL },
  { version: '3.2.26-1', ...ALL, deletesServersSafely: true },
  { version: '3.3.12', ...ALL },
  { version: '3.4.2-1', ...ALL },
  { version: '3.4.7-1', ...ALL, deletesServersSafely: true },
  { version: '3.5.0', ...ALL, deletesServersSafely: true },
  { version: '10.0-dev1', ...ALL },
  { version: 'master', ...NONE },
])('what HAProxy $version can do', (able) => {
  expect(capabilitiesOf(able.version)).toEqual(able);
});

test('a sentence can say since when', () => {
  expect(since('addServer')).toBe('2.6');
});
