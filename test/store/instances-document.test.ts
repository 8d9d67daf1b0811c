import { describe, expect, test } from 'vitest';
import type { KnownInstances } from '../../lib/model/found-instance.ts';
import { DocumentInvalid } from '../../lib/store/document-invalid.ts';
import { decodeKnownInstances, encodeKnownInstances } from '../../lib/store/instances-document.ts';

const one = { name: 'lb-a', address: '10.0.0.1', port: 9999, missedSinceMs: null };
const known: KnownInstances = {
  version: 1,
  fleet: 'edge',
  service: 'haproxy-runtime',
  instances: [one, { ...one, name: 'lb-b', address: '::1', missedSinceMs: 1_700_000_000_000 }],
  refused: [{ name: 'lb-c', address: 'lb.internal', port: 0, reason: 'not an IP address' }],
};

test('instances come back as they went, one on a line', () => {
  const body = encodeKnownInstances(known);
  expect(decodeKnownInstances('k', body)).toEqual(known);
  expect(body).toBe(`{"version":1,"fleet":"edge","service":"haproxy-runtime","instances":[
{"name":"lb-a","address":"10.0.0.1","port":9999,"missedSinceMs":null},
{"name":"lb-b","address":"::1","port":9999,"missedSinceMs":1700000000000}],"refused":[
{"name":"lb-c","address":"lb.internal","port":0,"reason":"not an IP address"}]}
`);
});

test('nobody comes back as nobody', () => {
  const nobody = { ...known, instances: [], refused: [] };
  expect(decodeKnownInstances('k', encodeKnownInstances(nobody))).toEqual(nobody);
});

describe('is neither written nor read with', () => {
  const damaged: { what: string; given: KnownInstances; at: string }[] = [
    { what: 'a name', given: { ...known, instances: [{ ...one, name: '../lb' }] }, at: 'instances.0.name' },
    {
      what: 'a host',
      given: { ...known, instances: [{ ...one, address: 'lb' }] },
      at: 'instances.0.address',
    },
    { what: 'a port', given: { ...known, instances: [{ ...one, port: 0 }] }, at: 'instances.0.port' },
    { what: 'a fleet', given: { ...known, fleet: 'a/b' }, at: 'fleet' },
  ];
  test.each(damaged)('$what that is none', ({ given, at }) => {
    expect(() => encodeKnownInstances(given)).toThrow(DocumentInvalid);
    expect(() => decodeKnownInstances('k.json', JSON.stringify(given))).toThrow(`k.json at ${at}: `);
  });
});
