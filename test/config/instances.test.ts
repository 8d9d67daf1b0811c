import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { problemsOf, source } from './config-samples.ts';

/** A file whose fleets differ in their instances. */
function fleets(instances: Readonly<Record<string, string>>): string {
  const each = Object.entries(instances).map(
    ([name, own]) => `  ${name}:\n    instances: ${own}\n    backends: { be: { service: web } }\n`,
  );
  return `store: file:a\nfleets:\n${each.join('')}`;
}

function firstFleet(instances: string) {
  const [fleet] = parseConfig(fleets({ edge: instances }), source).fleets;
  return { instances: fleet?.instances, instancesFrom: fleet?.instancesFrom };
}

const lb1 = { name: 'lb1', address: { scheme: 'unix', path: '/run/a.sock' } };

describe('what instances from Consul mean', () => {
  test('a fleet that lists all of its instances looks for none', () => {
    expect(firstFleet('{ lb1: "unix:///run/a.sock" }')).toEqual({ instances: [lb1], instancesFrom: null });
  });

  test('alone, with every key that may be left out', () => {
    expect(firstFleet('{ consul: { service: haproxy-runtime, scheme: tcp } }')).toEqual({
      instances: [],
      instancesFrom: { service: 'haproxy-runtime', scheme: 'tcp', tags: [] },
    });
  });

  test('beside listed ones, with tags', () => {
    const own = '{ lb1: "unix:///run/a.sock", consul: { service: lb, scheme: tls, tags: [edge, edge, eu] } }';
    expect(firstFleet(own)).toEqual({
      instances: [lb1],
      instancesFrom: { service: 'lb', scheme: 'tls', tags: ['edge', 'eu'] },
    });
  });

  test('an instance may be called consul: its value is an address', () => {
    expect(firstFleet('{ consul: "unix:///run/a.sock" }')).toEqual({
      instances: [{ ...lb1, name: 'consul' }],
      instancesFrom: null,
    });
  });
});

describe('what is refused, with line and key', () => {
  const refused = [
    { own: '{ consul: { scheme: tcp } }', says: 'consul.service: is missing' },
    { own: '{ consul: { service: lb } }', says: 'consul.scheme: is missing' },
    {
      own: '{ consul: { service: "a b", scheme: tcp } }',
      says: 'consul.service: expected the name of a Consul service, got "a b"',
    },
    {
      own: '{ consul: { service: lb, scheme: unix } }',
      says: 'consul.scheme: expected tcp or tls, which every instance of the service then speaks, got "unix"',
    },
    {
      own: '{ consul: { service: lb, scheme: tcp, tags: edge } }',
      says: 'consul.tags: expected a list of tags such as [edge], got "edge"',
    },
    {
      own: '{ consul: { service: lb, scheme: tcp, tags: [""] } }',
      says: 'consul.tags.0: a tag cannot be empty',
    },
    {
      own: '{ consul: { service: lb, scheme: tcp, tag: edge } }',
      says: 'consul.tag: unknown key, did you mean tags?',
    },
    {
      own: '{ consul: [lb] }',
      says: 'consul: expected unix:///run/haproxy.sock, tcp://host:port or tls://host:port, got a list',
    },
    {
      own: '{ consol: { service: lb, scheme: tcp } }',
      says: 'consol: expected unix:///run/haproxy.sock, tcp://host:port or tls://host:port, got a map',
    },
  ];
  test.each(refused)('$own', ({ own, says }) => {
    expect(problemsOf(fleets({ edge: own }))).toEqual([`hitless.yml:4 fleets.edge.instances.${says}`]);
  });

  const from = (service: string, tags: string) =>
    `{ consul: { service: ${service}, scheme: tcp, tags: [${tags}] } }`;
  const same =
    'hitless.yml:7 fleets.two.instances.consul.service: the same registrations as fleets.one.instances.consul, one instance belongs to one fleet: tell them apart by tags';
  const pairs = [
    { what: 'two fleets find the same', one: from('lb', ''), two: from('lb', ''), says: [same] },
    { what: 'one finds what the other finds too', one: from('lb', 'eu'), two: from('lb', ''), says: [same] },
    { what: 'the same with more tags', one: from('lb', 'eu'), two: from('lb', 'edge, eu'), says: [same] },
    { what: 'nothing: other tags', one: from('lb', 'eu'), two: from('lb', 'us'), says: [] },
    { what: 'nothing: other services', one: from('lb', ''), two: from('lb2', ''), says: [] },
  ];
  test.each(pairs)('$what', ({ one, two, says }) => {
    expect(problemsOf(fleets({ one, two }))).toEqual(says);
  });
});
