import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readInstances } from '../../lib/consul/instances.ts';
import { registrationName } from '../../lib/consul/registration-name.ts';
import type { Instance, InstancesFrom } from '../../lib/model/fleet.ts';
import { isKeyName } from '../../lib/model/names.ts';
import type { HealthEntry } from '../../lib/model/service-entry.ts';

const from: InstancesFrom = { service: 'haproxy-runtime', scheme: 'tcp', tags: [] };

function entry(differs: Partial<HealthEntry> = {}): HealthEntry {
  return {
    ...{ node: 'lb-a', id: 'haproxy-runtime', address: '10.0.0.1', port: 9999, tags: ['edge'] },
    ...{ status: 'passing', weights: { passing: 1, warning: 1 } },
    ...differs,
  };
}

function read(
  entries: readonly HealthEntry[],
  tags: readonly string[] = [],
  listed: readonly Instance[] = [],
) {
  return readInstances(entries, { ...from, tags }, listed);
}

function namesIn(entries: readonly HealthEntry[], tags: readonly string[] = []): string[] {
  return read(entries, tags).instances.map(({ name }) => name);
}

test('a registration is an instance at its address, called as its node', () => {
  expect(read([entry()])).toEqual({
    instances: [{ name: 'lb-a', address: '10.0.0.1', port: 9999 }],
    refused: [],
  });
});

test('no registrations are no instances', () => {
  expect(read([])).toEqual({ instances: [], refused: [] });
});

test('two on one machine are two, told apart by their ids', () => {
  const two = [entry({ id: 'edge-2', port: 9998 }), entry({ id: 'edge-1' })];
  expect(namesIn(two)).toEqual(['lb-a--edge-1', 'lb-a--edge-2']);
});

test.each([
  'passing',
  'warning',
  'critical',
  'maintenance',
] as const)('a %s one is kept in step', (status) => {
  expect(namesIn([entry({ status })])).toEqual(['lb-a']);
});

test('a registration without all of the tags is somebody else’s, and none of our business when it is odd', () => {
  const edge = entry({ tags: ['edge', 'eu'] });
  const other = entry({ node: 'lb-b', address: 'not an address', tags: ['eu'] });
  expect(read([edge, other], ['eu', 'edge'])).toMatchObject({ instances: [{ name: 'lb-a' }], refused: [] });
});

test('loopback addresses and IPv6 are addresses, in their canonical form', () => {
  const { instances } = read([
    entry({ node: 'a', address: '127.0.0.1' }),
    entry({ node: 'b', address: '2001:DB8:0::1' }),
  ]);
  expect(instances.map(({ address }) => address)).toEqual(['127.0.0.1', '2001:db8::1']);
});

describe('what cannot be an instance is refused by name, and the others work', () => {
  const refused = [
    { what: 'a host name', differs: { address: 'lb.internal' }, reason: /not an IP address/ },
    { what: 'a metadata service', differs: { address: '169.254.169.254' }, reason: /link-local/ },
    { what: 'no address', differs: { address: '' }, reason: /neither the service nor its node/ },
    { what: 'port 0', differs: { port: 0 }, reason: /the port is not an integer/ },
    { what: 'port 70000', differs: { port: 70_000 }, reason: /the port is not an integer/ },
    { what: 'half a port', differs: { port: 80.5 }, reason: /the port is not an integer/ },
    { what: 'a command', differs: { address: '10.0.0.1;quit\n' }, reason: /not an IP address/ },
  ];
  test.each(refused)('$what', ({ differs, reason }) => {
    const result = read([entry({ node: 'odd', ...differs }), entry()]);
    expect(result.instances.map(({ name }) => name)).toEqual(['lb-a']);
    expect(result.refused).toEqual(
      [{ name: 'odd', address: expect.not.stringContaining('\n'), port: expect.any(Number), reason }].map(
        (one) => ({ ...one, reason: expect.stringMatching(reason) }),
      ),
    );
  });

  test('a name that a listed instance has, at another address', () => {
    const listed: Instance[] = [{ name: 'lb-a', address: { scheme: 'tcp', host: '10.0.0.9', port: 9999 } }];
    expect(read([entry(), entry({ node: 'lb-b', port: 1 })], [], listed)).toEqual({
      instances: [{ name: 'lb-b', address: '10.0.0.1', port: 1 }],
      refused: [
        { name: 'lb-a', address: '10.0.0.1', port: 9999, reason: expect.stringMatching(/already has/) },
      ],
    });
  });
});

describe('one address is one instance', () => {
  const at = (scheme: 'tcp' | 'tls', host: string): Instance[] => [
    { name: 'listed', address: { scheme, host, port: 9999 } },
  ];
  test.each([
    { what: 'listed', listed: at('tcp', '10.0.0.1'), found: [] },
    { what: 'listed over TLS', listed: at('tls', '10.0.0.1'), found: [] },
    { what: 'another one listed', listed: at('tcp', '10.0.0.2'), found: ['lb-a'] },
  ])('$what', ({ listed, found }) => {
    const { instances, refused } = read([entry()], [], listed);
    expect(instances.map(({ name }) => name)).toEqual(found);
    expect(refused).toEqual([]);
  });

  test('the healthiest of several registrations of one address, whatever their order', () => {
    const gone = entry({ node: 'a-former-machine', status: 'critical' });
    expect(namesIn([gone, entry()])).toEqual(['lb-a']);
    expect(namesIn([entry(), gone])).toEqual(['lb-a']);
  });
});

describe('names', () => {
  const named = [
    { node: 'lb-a', id: 'haproxy-runtime', name: 'lb-a' },
    { node: 'lb-a', id: 'edge', name: 'lb-a--edge' },
    {
      node: 'ip-10-0-0-1.eu.internal',
      id: 'haproxy-runtime',
      name: /^ip-10-0-0-1-eu-internal_[0-9a-f]{12}$/,
    },
    { node: 'lb', id: '_nomad-task-7', name: /^lb-nomad-task-7_[0-9a-f]{12}$/ },
    { node: '../../etc', id: 'a\nb', name: /^etc-a-b_[0-9a-f]{12}$/ },
    { node: 'ж', id: '', name: /^instance_[0-9a-f]{12}$/ },
    { node: '', id: '', name: /^instance_[0-9a-f]{12}$/ },
    { node: 'a'.repeat(300), id: 'b', name: /^a{100}_[0-9a-f]{12}$/ },
  ];
  test.each(named)('$node $id', ({ node, id, name }) => {
    const made = registrationName(node, id, 'haproxy-runtime');
    if (typeof name === 'string') expect(made).toBe(name);
    else expect(made).toMatch(name);
  });

  const anyName = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom('a', '-', '_', '.', '/'), maxLength: 6 }),
    fc.constant('haproxy-runtime'),
  );
  const anyRegistration = fc.record({ node: anyName, id: anyName });

  test('whatever Consul calls them, names fit into a key, and two registrations have two', () => {
    fc.assert(
      fc.property(anyRegistration, anyRegistration, (one, other) => {
        const [first, second] = [one, other].map(({ node, id }) =>
          registrationName(node, id, 'haproxy-runtime'),
        );
        expect(isKeyName(first ?? '')).toBe(true);
        expect(first === second).toBe(one.node === other.node && one.id === other.id);
      }),
      { numRuns: 2_000 },
    );
  });
});

test('the order of Consul’s answer never shows', () => {
  const few = fc.constantFrom('a', 'b', 'lb.x');
  const anyEntry: fc.Arbitrary<HealthEntry> = fc.record({
    node: few,
    id: few,
    address: fc.constantFrom('10.0.0.1', '10.0.0.2', 'x'),
    port: fc.constantFrom(1, 2, 0),
    tags: fc.constantFrom([], ['edge']),
    status: fc.constantFrom('passing', 'critical', 'maintenance'),
    weights: fc.constant({ passing: 1, warning: 1 }),
  });
  const shuffledTwice = fc
    .array(anyEntry, { maxLength: 8 })
    .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
  fc.assert(
    fc.property(shuffledTwice, fc.constantFrom([], ['edge']), ([one, other], tags) => {
      expect(read(other, tags)).toEqual(read(one, tags));
    }),
  );
});
