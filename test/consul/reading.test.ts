import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readEndpoints } from '../../lib/consul/reading.ts';
import { endpointKey } from '../../lib/model/endpoint.ts';
import type { ServiceEntry } from '../../lib/model/service-entry.ts';

type Policy = Parameters<typeof readEndpoints>[1];

function entry(differs: Partial<ServiceEntry> = {}): ServiceEntry {
  return {
    address: '10.0.0.1',
    port: 80,
    tags: ['web'],
    status: 'passing',
    weights: { passing: 1, warning: 1 },
    ...differs,
  };
}

const policy: Policy = { tags: [], include: ['passing'], weights: true };

test('no entries make an empty reading', () => {
  expect(readEndpoints([], policy)).toEqual({
    ...{ endpoints: [], leaving: [], refused: [], unusable: [], notices: [] },
  });
});

test('endpoints are canonical and sorted by address and port', () => {
  const entries = [
    entry({ address: '2001:DB8:0::1' }),
    entry({ address: '::ffff:10.0.0.2' }),
    entry({ port: 8080 }),
  ];
  expect(readEndpoints(entries, policy).endpoints.map(endpointKey)).toEqual([
    '10.0.0.1:8080',
    '10.0.0.2:80',
    '[2001:db8::1]:80',
  ]);
});

describe('who is ready and who is leaving', () => {
  const both: Policy = { ...policy, include: ['passing', 'warning'] };
  const tagged: Policy = { ...policy, tags: ['web', 'eu'] };
  test.each([
    { what: 'passing', given: {}, by: policy, because: null },
    {
      what: 'warning when only passing is included',
      given: { status: 'warning' },
      by: policy,
      because: 'warning',
    },
    { what: 'warning when it is included', given: { status: 'warning' }, by: both, because: null },
    { what: 'critical', given: { status: 'critical' }, by: both, because: 'critical' },
    { what: 'in maintenance', given: { status: 'maintenance' }, by: both, because: 'maintenance' },
    { what: 'without one of the tags', given: {}, by: tagged, because: 'tags' },
    { what: 'with all the tags and more', given: { tags: ['eu', 'x', 'web'] }, by: tagged, because: null },
    { what: 'unchecked', given: { status: 'unchecked' }, by: both, because: 'unchecked' },
    { what: 'unchecked and without the tags', given: { status: 'unchecked' }, by: tagged, because: 'tags' },
    { what: 'critical and without the tags', given: { status: 'critical' }, by: tagged, because: 'critical' },
  ] as const)('$what: leaving because $because', ({ given, by, because }) => {
    const reading = readEndpoints([entry(given)], by);
    expect(reading.leaving.map((leaving) => leaving.because)).toEqual(because === null ? [] : [because]);
    expect(reading.endpoints).toHaveLength(because === null ? 1 : 0);
  });
});

describe('weights', () => {
  test.each([
    {
      what: 'of a passing entry',
      given: { passing: 7, warning: 3 },
      status: 'passing',
      weight: 7,
      notice: null,
    },
    {
      what: 'of a warning entry',
      given: { passing: 7, warning: 3 },
      status: 'warning',
      weight: 3,
      notice: null,
    },
    { what: 'zero', given: { passing: 0, warning: 0 }, status: 'passing', weight: 0, notice: null },
    {
      what: 'at the limit',
      given: { passing: 256, warning: 1 },
      status: 'passing',
      weight: 256,
      notice: null,
    },
    {
      what: 'over the limit',
      given: { passing: 257, warning: 1 },
      status: 'passing',
      weight: 256,
      notice: '257',
    },
    {
      what: 'beyond integers',
      given: { passing: 1e300, warning: 1 },
      status: 'passing',
      weight: 256,
      notice: '1e+300',
    },
    { what: 'negative', given: { passing: -1, warning: 1 }, status: 'passing', weight: 1, notice: '-1' },
    { what: 'a fraction', given: { passing: 2.5, warning: 1 }, status: 'passing', weight: 1, notice: '2.5' },
  ] as const)('$what', ({ given, status, weight, notice }) => {
    const by: Policy = { ...policy, include: ['passing', 'warning'] };
    const reading = readEndpoints([entry({ status, weights: given })], by);
    expect(reading.endpoints[0]?.weight).toBe(weight);
    if (notice === null) expect(reading.notices).toEqual([]);
    else
      expect(reading.notices).toEqual([
        expect.stringMatching(`^10\\.0\\.0\\.1:80: .*${notice.replace('+', '.')}`),
      ]);
  });

  test('are 1 and never a notice when the policy does not want them', () => {
    const reading = readEndpoints([entry({ weights: { passing: 999, warning: -1 } })], {
      ...policy,
      weights: false,
    });
    expect(reading.endpoints[0]?.weight).toBe(1);
    expect(reading.notices).toEqual([]);
  });
});

describe('what is refused is reported by name, and the rest goes through', () => {
  test.each([
    {
      what: 'a command',
      address: '10.0.0.1; shutdown',
      port: 80,
      shown: '10.0.0.1; shutdown',
      reason: /not an IP/,
    },
    { what: 'a newline', address: '10.0.0.1\nx', port: 80, shown: '10.0.0.1\\nx', reason: /not an IP/ },
    { what: 'a NUL', address: '10.0.0.1\0', port: 80, shown: '10.0.0.1\\x00', reason: /not an IP/ },
    { what: 'a server id', address: '#1', port: 80, shown: '#1', reason: /not an IP/ },
    { what: 'a port glued on', address: '::1:8082', port: 80, shown: '::1:8082', reason: /glued/ },
    {
      what: 'a name',
      address: 'web.example',
      port: 80,
      shown: 'web.example',
      reason: /names are not resolved/,
    },
    { what: 'no address', address: '', port: 80, shown: '', reason: /neither the service nor its node/ },
    { what: 'any address', address: '0.0.0.0', port: 80, shown: '0.0.0.0', reason: /unspecified/ },
    { what: 'a zone', address: 'fe80::1%eth0', port: 80, shown: 'fe80::1%eth0', reason: /zone/ },
    { what: 'port 0', address: '10.0.0.1', port: 0, shown: '10.0.0.1', reason: /1 to 65535/ },
    { what: 'port 70000', address: '10.0.0.1', port: 70_000, shown: '10.0.0.1', reason: /1 to 65535/ },
    { what: 'port -1', address: '10.0.0.1', port: -1, shown: '10.0.0.1', reason: /1 to 65535/ },
    { what: 'half a port', address: '10.0.0.1', port: 80.5, shown: '10.0.0.1', reason: /1 to 65535/ },
    {
      what: 'an essay',
      address: 'x'.repeat(5_000),
      port: 80,
      shown: `${'x'.repeat(99)}…`,
      reason: /not an IP/,
    },
  ])('$what', ({ address, port, shown, reason }) => {
    const reading = readEndpoints([entry({ address, port }), entry({ address: '10.0.0.7' })], policy);
    expect(reading.refused).toEqual([{ address: shown, port, reason: expect.stringMatching(reason) }]);
    expect(reading.endpoints.map(endpointKey)).toEqual(['10.0.0.7:80']);
    expect(reading.leaving).toEqual([]);
  });

  test('one that is critical is refused, too: it could never come back', () => {
    expect(readEndpoints([entry({ address: 'x', status: 'critical' })], policy).refused).toHaveLength(1);
  });

  test('one without the tags is somebody else’s', () => {
    const reading = readEndpoints([entry({ address: 'x' })], { ...policy, tags: ['other'] });
    expect(reading).toEqual({ endpoints: [], leaving: [], refused: [], unusable: [], notices: [] });
  });

  test('the same thing twice is one refusal', () => {
    expect(readEndpoints([entry({ address: 'x' }), entry({ address: 'x' })], policy).refused).toHaveLength(1);
  });
});

describe('several entries at one place are one endpoint', () => {
  const includeBoth: Policy = { ...policy, include: ['passing', 'warning'] };

  test('also when the address is written differently', () => {
    const entries = [entry({ address: '::ffff:10.0.0.1' }), entry()];
    expect(readEndpoints(entries, policy).endpoints).toEqual([{ address: '10.0.0.1', port: 80, weight: 1 }]);
  });

  test('ready through one of them is ready, and not leaving', () => {
    const entries = [entry({ status: 'critical' }), entry(), entry({ status: 'maintenance' })];
    expect(readEndpoints(entries, policy)).toMatchObject({ endpoints: [{ port: 80 }], leaving: [] });
  });

  test('the better status decides the weight, then the higher weight', () => {
    const light = entry({ weights: { passing: 2, warning: 9 } });
    const heavy = entry({ weights: { passing: 5, warning: 9 } });
    const warning = entry({ status: 'warning', weights: { passing: 9, warning: 9 } });
    expect(readEndpoints([warning, light, heavy], includeBoth).endpoints[0]?.weight).toBe(5);
  });

  test('the gentlest reason to leave wins', () => {
    const entries = [entry({ status: 'critical' }), entry({ status: 'maintenance' })];
    expect(readEndpoints(entries, policy).leaving).toEqual([
      { address: '10.0.0.1', port: 80, because: 'maintenance' },
    ]);
  });
});

const anyEntry: fc.Arbitrary<ServiceEntry> = fc.record({
  address: fc.oneof(
    fc.constantFrom(
      '10.0.0.1',
      '10.0.0.2',
      '::ffff:a00:1',
      '2001:db8::1',
      '2001:DB8::0:1',
      '',
      '#1',
      '0.0.0.0',
    ),
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: 'binary' }),
  ),
  port: fc.oneof(fc.constantFrom(80, 81), fc.integer({ min: -1, max: 70_000 }), fc.double({ noNaN: true })),
  tags: fc.subarray(['web', 'eu', 'x']),
  status: fc.constantFrom('passing', 'warning', 'critical', 'maintenance', 'unchecked'),
  weights: fc.record({
    passing: fc.oneof(fc.constantFrom(1, 2, 300, 400), fc.double({ noNaN: true })),
    warning: fc.constantFrom(-2, -1, 0.5, 1, 300),
  }),
});

const anyPolicy: fc.Arbitrary<Policy> = fc.record({
  tags: fc.subarray(['web', 'eu']),
  include: fc.constantFrom<Policy['include']>(['passing'], ['passing', 'warning']),
  weights: fc.boolean(),
});

const entriesTwice = fc
  .array(anyEntry, { maxLength: 12 })
  .chain((entries) =>
    fc.tuple(fc.constant(entries), fc.shuffledSubarray(entries, { minLength: entries.length })),
  );

test('the order of the entries never shows, nor does saying something twice', () => {
  fc.assert(
    fc.property(entriesTwice, anyPolicy, ([entries, shuffled], by) => {
      const reading = readEndpoints(entries, by);
      expect(readEndpoints(shuffled, by)).toEqual(reading);
      expect(readEndpoints([...shuffled, ...entries], by)).toEqual(reading);
    }),
    { numRuns: 500 },
  );
});

test('every endpoint is fit for HAProxy, in one list and once, whatever Consul says', () => {
  fc.assert(
    fc.property(fc.array(anyEntry, { maxLength: 20 }), anyPolicy, (entries, by) => {
      const { endpoints, leaving } = readEndpoints(entries, by);
      const keys = [...endpoints, ...leaving].map(endpointKey);
      expect(new Set(keys).size).toBe(keys.length);
      expect(endpoints.map(endpointKey)).toEqual(endpoints.map(endpointKey).sort());
      for (const { address, port, weight } of endpoints) {
        expect(address).toMatch(/^[0-9a-f:.]+$/);
        expect(port >= 1 && port <= 65_535 && Number.isInteger(port)).toBe(true);
        expect(weight >= 0 && weight <= 256 && Number.isInteger(weight)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

describe('whose it is', () => {
  const whose = { node: 'node3', id: 'web-3' };

  test('goes with an endpoint, where the entry says so', () => {
    const [first, second] = readEndpoints([entry(whose), entry({ port: 81 })], policy).endpoints;
    expect(first?.registration).toEqual(whose);
    expect(second).not.toHaveProperty('registration');
  });

  test('is printable and short, whatever Consul let through', () => {
    const { endpoints } = readEndpoints([entry({ node: 'a\u001b[2Jb', id: 'x'.repeat(500) })], policy);
    const { node = '', id = '' } = endpoints[0]?.registration ?? {};
    expect(node).not.toContain('\u001b');
    expect(id.length).toBeLessThanOrEqual(100);
  });

  test('does not depend on the order of two registrations of one place', () => {
    const other = entry({ node: 'node1', id: 'web-9' });
    const [one] = readEndpoints([entry(whose), other], policy).endpoints;
    const [same] = readEndpoints([other, entry(whose)], policy).endpoints;
    expect(one).toEqual(same);
  });

  test('is told of who would be ready if its registration could be used, and of nobody else', () => {
    const entries = [
      entry({ ...whose, port: 0 }),
      entry({ node: 'node4', id: 'web-4', port: 0, status: 'critical' }),
      entry({ node: 'node5', id: 'web-5', port: 0, tags: [] }),
      entry({ port: 0 }),
    ];
    expect(readEndpoints(entries, { ...policy, tags: ['web'] }).unusable).toEqual([
      { ...whose, reason: 'the port is not an integer from 1 to 65535' },
    ]);
  });
});
