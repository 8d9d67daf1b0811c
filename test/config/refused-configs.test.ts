import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { minimal, problemsOf, source } from './config-samples.ts';

describe('what is refused, with line and key', () => {
  const whole = [
    { what: 'an empty file', text: '', says: 'hitless.yml: the file is empty' },
    { what: 'only comments', text: '# nothing\n', says: 'hitless.yml: the file is empty' },
    {
      what: 'a text',
      text: 'hello',
      says: 'hitless.yml:1: expected a map with the keys consul, store, fleets, got "hello"',
    },
    {
      what: 'a tab',
      text: 'store: file:a\nfleets:\n\tedge: {}\n',
      says: 'hitless.yml:3: YAML is indented with spaces, here is a tab',
    },
    { what: 'an open bracket', text: 'store: [a\n', says: /^hitless\.yml:2: not valid YAML: / },
    {
      what: 'the same key twice',
      text: 'store: file:a\nstore: file:b\n',
      says: 'hitless.yml:2: the same key twice in one map',
    },
    { what: 'no fleets', text: 'store: file:a\n', says: 'hitless.yml:1 fleets: is missing' },
    {
      what: 'fleets left open',
      text: 'store: file:a\nfleets:\n',
      says: 'hitless.yml:2 fleets: expected at least one fleet, by name, got nothing',
    },
    {
      what: 'an empty map of fleets',
      text: 'store: file:a\nfleets: {}\n',
      says: 'hitless.yml:2 fleets: expected at least one fleet, got none',
    },
    {
      what: 'a list of fleets',
      text: 'store: file:a\nfleets: [edge]\n',
      says: 'hitless.yml:2 fleets: expected at least one fleet, by name, got a list',
    },
    { what: 'an unknown anchor', text: 'store: *a\n', says: /^hitless\.yml:1: / },
    {
      what: 'a name that JavaScript has taken',
      text: 'store: file:a\nfleets:\n  constructor: {}\n',
      says: 'hitless.yml:3 fleets.constructor: cannot be used as a name',
    },
  ];
  test.each(whole)('$what', ({ text, says }) => {
    expect(problemsOf(text)).toEqual([says instanceof RegExp ? expect.stringMatching(says) : says]);
  });

  const instances = [
    {
      instance: 'tcp://10.0.0.1',
      says: 'expected tcp://host:port with a port from 1 to 65535, got "tcp://10.0.0.1"',
    },
    {
      instance: 'tcp://10.0.0.1:0',
      says: 'expected tcp://host:port with a port from 1 to 65535, got "tcp://10.0.0.1:0"',
    },
    {
      instance: 'tls://10.0.0.1:70000',
      says: 'expected tls://host:port with a port from 1 to 65535, got "tls://10.0.0.1:70000"',
    },
    {
      instance: 'tcp://::1:80',
      says: 'expected tcp://host:port with a port from 1 to 65535, got "tcp://::1:80"',
    },
    {
      instance: 'tcp://[fe80::1%eth0]:80',
      says: 'expected tcp://host:port with a port from 1 to 65535, got "tcp://[fe80::1%eth0]:80"',
    },
    {
      instance: 'tcp://10.0.0.1:80/',
      says: 'expected tcp://host:port without a path, got "tcp://10.0.0.1:80/"',
    },
    { instance: 'tcp://me:secret@10.0.0.1:80', says: 'an address has no user name or password' },
    {
      instance: 'unix://run/a.sock',
      says: 'expected the absolute path of a socket, as in unix:///run/haproxy.sock, got "unix://run/a.sock"',
    },
    { instance: `unix:///${'a'.repeat(107)}`, says: 'the path of a socket has at most 107 bytes' },
    {
      instance: '/run/a.sock',
      says: 'expected unix:///run/haproxy.sock, tcp://host:port or tls://host:port, got "/run/a.sock"',
    },
    {
      instance: 'http://10.0.0.1:80',
      says: 'expected unix:///run/haproxy.sock, tcp://host:port or tls://host:port, got "http://10.0.0.1:80"',
    },
    {
      instance: '9999',
      says: 'expected unix:///run/haproxy.sock, tcp://host:port or tls://host:port, got 9999',
    },
  ];
  test.each(instances)('the instance $instance', ({ instance, says }) => {
    expect(problemsOf(minimal({ instance }))).toEqual([`hitless.yml:6 fleets.edge.instances.lb1: ${says}`]);
  });

  const stores = [
    { store: 's3://', says: 'expected s3://bucket/prefix or file:/folder, got "s3://"' },
    { store: 's3://UPPER/a', says: 'expected s3://bucket/prefix or file:/folder, got "s3://UPPER/a"' },
    {
      store: 's3://bucket/a//b',
      says: 'expected a prefix of letters, digits, _ . ~ - and single slashes, got "s3://bucket/a//b"',
    },
    {
      store: 's3://bucket/../b',
      says: 'expected a prefix of letters, digits, _ . ~ - and single slashes, got "s3://bucket/../b"',
    },
    {
      store: '/var/lib/hitless',
      says: 'expected s3://bucket/prefix or file:/folder, got "/var/lib/hitless"',
    },
    { store: 'file://host/a', says: 'expected s3://bucket/prefix or file:/folder, got "file://host/a"' },
  ];
  test.each(stores)('the store $store', ({ store, says }) => {
    expect(problemsOf(minimal({ store }))).toEqual([`hitless.yml:1 store: ${says}`]);
  });

  const others = [
    {
      what: 'a Consul address without http',
      top: 'consul: { address: "127.0.0.1:8500" }',
      says: 'consul.address: expected an address such as http://127.0.0.1:8500, got "127.0.0.1:8500"',
    },
    {
      what: 'a Consul address with a path',
      top: 'consul: { address: "http://a/ui" }',
      says: 'consul.address: expected an address without a path, got "http://a/ui"',
    },
    {
      what: 'a Consul address with a password, not repeated',
      top: 'consul: { address: "http://me:secret@a" }',
      says: 'consul.address: an address has no user name or password',
    },
    {
      what: 'a CA for plain http',
      top: 'consul: { ca: ca.pem }',
      says: 'consul.ca: is for an https:// address only',
    },
    {
      what: 'a token in the file',
      top: 'consul: { token: abc }',
      says: 'consul.token: unknown key, the keys here are address, datacenter, ca, cert, key',
    },
    { what: 'an unknown key at the top', top: 'stoer: a', says: 'stoer: unknown key, did you mean store?' },
  ];
  test.each(others)('$what', ({ top, says }) => {
    expect(problemsOf(minimal({ top }))).toEqual([`hitless.yml:2 ${says}`]);
  });

  const fleets = [
    {
      what: 'a certificate without its key',
      fleet: 'tls: { cert: a.pem }',
      says: 'tls.cert: a client certificate needs its key',
    },
    {
      what: 'a key without its certificate',
      fleet: 'tls: { key: a.key }',
      says: 'tls.key: a key needs its client certificate (cert)',
    },
    { what: 'no time at all', fleet: 'timeout: 0s', says: 'timeout: expected at least 100ms, got "0s"' },
    {
      what: 'an empty shard',
      fleet: 'shard: 0',
      says: 'shard: expected a whole number from 1 to 1000, got 0',
    },
    {
      what: 'a template that is no path',
      fleet: 'template: [a]',
      says: 'template: expected a path, got a list',
    },
  ];
  test.each(fleets)('$what', ({ fleet, says }) => {
    expect(problemsOf(minimal({ fleet }))).toEqual([`hitless.yml:7 fleets.edge.${says}`]);
  });

  test('a template that cannot be read', () => {
    const unreadable = {
      ...source,
      readTemplate: () => {
        throw new Error('no such file');
      },
    };
    expect(() => parseConfig(minimal({ fleet: 'template: a.j2' }), unreadable)).toThrow(
      'hitless.yml:7 fleets.edge.template: cannot read the template: no such file',
    );
  });

  test('one instance in two fleets, or twice in one, whatever its spelling and scheme', () => {
    const text = `store: file:a
fleets:
  one:
    instances:
      a: tcp://LB:9999
      b: unix:///run/a.sock
      c: tls://lb:9999
    backends: { be: { service: web } }
  two:
    instances:
      d: unix:///run/a.sock
      e: tcp://[::1]:1
      f: tcp://[0:0::1]:1
    backends: { be: { service: web } }
`;
    expect(problemsOf(text)).toEqual([
      'hitless.yml:7 fleets.one.instances.c: the same address as fleets.one.instances.a, one instance has one name',
      'hitless.yml:11 fleets.two.instances.d: the same address as fleets.one.instances.b, one instance has one name',
      'hitless.yml:13 fleets.two.instances.f: the same address as fleets.two.instances.e, one instance has one name',
    ]);
  });

  test('names that cannot be part of a key, a path or a command', () => {
    const text = `store: file:a
fleets:
  a/b:
    instances:
      ../lb: unix:///run/a.sock
    backends:
      "be;": { service: web }
`;
    expect(problemsOf(text)).toEqual([
      'hitless.yml:3 fleets.a/b: a name is letters, digits, _ and -, begins with a letter or digit',
      'hitless.yml:5 fleets.a/b.instances.../lb: a name is letters, digits, _ and -, begins with a letter or digit',
      'hitless.yml:7 fleets.a/b.backends.be;: the name of a HAProxy backend is letters, digits, _ . : and -',
    ]);
  });

  test('all problems at once, in the order of the file', () => {
    const text = `storage: file:a
fleets:
  edge:
    instances: {}
    backends:
      be:
        drain: 30
        slots: many
        droin: 1s
      be2: nothing
`;
    expect(problemsOf(text)).toEqual([
      'hitless.yml:1 store: is missing',
      'hitless.yml:1 storage: unknown key, did you mean store?',
      'hitless.yml:4 fleets.edge.instances: expected at least one instance, got none',
      'hitless.yml:6 fleets.edge.backends.be.service: is missing',
      'hitless.yml:7 fleets.edge.backends.be.drain: expected a duration such as 500ms, 30s or 5m, got 30',
      'hitless.yml:8 fleets.edge.backends.be.slots: expected a whole number from 1 to 4095, got "many"',
      'hitless.yml:9 fleets.edge.backends.be.droin: unknown key, did you mean drain?',
      expect.stringContaining(
        'hitless.yml:10 fleets.edge.backends.be2: expected a map with the keys service, tags,',
      ),
    ]);
  });

  test('a mistake in a shared policy is shown where it is written', () => {
    const text = `store: file:a
fleets:
  edge:
    instances: { lb: "tcp://a:1" }
    backends:
      a: &policy
        service: web
        drain: 5
      b:
        <<: *policy
`;
    expect(problemsOf(text)).toEqual([
      expect.stringContaining('hitless.yml:8 fleets.edge.backends.a.drain: expected a duration'),
      expect.stringContaining('hitless.yml:8 fleets.edge.backends.b.drain: expected a duration'),
    ]);
  });
});

describe('a few lines that stand for too much are refused at once', () => {
  const nested = (levels: number, level: (above: string) => string) =>
    Array.from({ length: levels }, (_, n) => `a${n + 1}: &a${n + 1} ${level(`*a${n}`)}`).join('\n');
  const bombs = [
    { what: 'aliases of aliases', text: nested(40, (above) => `[${Array(9).fill(above)}]`) },
    { what: 'merges of merges', text: nested(60, (above) => `{<<: ${above}, <<: ${above}, own: 1}`) },
    { what: 'merges of lists', text: nested(60, (above) => `{<<: [${above}, ${above}], own: 1}`) },
    {
      what: 'a long chain of merges',
      text: nested(5_000, (above) => `{<<: ${above}, own${above.slice(1)}: 1}`),
    },
  ];
  test.each(bombs)('$what', ({ text }) => {
    expect(problemsOf(`a0: &a0 {key: value}\n${text}\n`)).toEqual([
      expect.stringMatching(
        /^hitless\.yml:\d+: the anchors and merge keys up to here make more than 500000 values of it$/,
      ),
    ]);
  });

  test.each([
    { what: 'an alias of itself', text: 'a: &a {b: *a}', says: 'hitless.yml:1: *a contains itself' },
    { what: 'a merge with itself', text: 'a: &a {<<: *a}', says: 'hitless.yml:1: *a contains itself' },
    { what: 'brackets', text: `a: ${'['.repeat(100_000)}`, says: 'hitless.yml:1: it is nested too deeply' },
    {
      what: 'a merge with what is no map',
      text: 'a: 1\nb: {<<: [1]}',
      says: 'hitless.yml:2: a merge key (<<) takes a map, or a list of maps',
    },
  ])('$what', ({ text, says }) => {
    expect(problemsOf(text)).toEqual([says]);
  });

  test('what is not ours at all is told in fifty lines, and shown in short', () => {
    const lines = Array.from({ length: 20_000 }, (_, n) => `key${n}: ${'x'.repeat(50)}`).join('\n');
    const problems = problemsOf(`${lines}\nstore: ${'y'.repeat(10_000)}\n`);
    expect(problems).toHaveLength(51);
    expect(problems.at(-1)).toBe('… and 19952 more');
    expect(Math.max(...problems.map((line) => line.length))).toBeLessThan(400);
  });
});
