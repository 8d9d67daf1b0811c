import { describe, expect, test } from 'vitest';
import { ConfigInvalid } from '../../lib/config/config-invalid.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';

const source = {
  file: 'hitless.yml',
  folder: '/etc/hitless',
  readTemplate: (path: string) => `template at ${path}`,
};

/** The example of the README, "hitless.yml". */
const complete = `
consul:
  address: http://127.0.0.1:8500   # https with ca, cert, key; the token comes from HITLESS_CONSUL_TOKEN
  datacenter: dc1                  # optional
store: s3://bucket/prefix          # or file:/var/lib/hitless, for one machine
fleets:
  edge:
    instances:                     # name: Runtime API address
      lb1: unix:///run/haproxy/admin.sock
      lb2: tcp://10.0.1.11:9999
      lb3: tls://10.0.1.12:9443    # a TLS listener in front of the socket
    tls: { ca: ca.pem, cert: client.pem, key: client.key }   # for the tls:// instances
    snapshot_every: 60s
    template: edge.cfg.j2
    backends:
      be_template:
        service: my-cluster
        tags: [web]
        include: [passing]
        weights: true
        server: websrv
        slots: 100
        spare: 4
        options: cookie {{ server }} check
        placeholder: 0.0.0.0:80
        drain: 30s
        keep: 50%
        hold: 60s
        allow_empty: false
`;

/** The least that is needed, with more lines where a test needs them. */
function minimal({
  store = 'file:state',
  fleet = '',
  backend = '',
  top = '',
  instance = 'unix:///run/a.sock',
} = {}) {
  return `store: ${store}
${top}
fleets:
  edge:
    instances:
      lb1: ${instance}
    ${fleet}
    backends:
      be:
        service: web
        ${backend}
`;
}

function problemsOf(text: string): string[] {
  try {
    parseConfig(text, source);
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('what a configuration means', () => {
  test('the complete example is read key by key', () => {
    expect(parseConfig(complete, source)).toEqual({
      consul: { address: 'http://127.0.0.1:8500', datacenter: 'dc1', tls: {} },
      store: { scheme: 's3', bucket: 'bucket', prefix: 'prefix' },
      fleets: [
        {
          name: 'edge',
          instances: [
            { name: 'lb1', address: { scheme: 'unix', path: '/run/haproxy/admin.sock' } },
            { name: 'lb2', address: { scheme: 'tcp', host: '10.0.1.11', port: 9999 } },
            { name: 'lb3', address: { scheme: 'tls', host: '10.0.1.12', port: 9443 } },
          ],
          tls: {
            ca: '/etc/hitless/ca.pem',
            cert: '/etc/hitless/client.pem',
            key: '/etc/hitless/client.key',
          },
          snapshotEveryMs: 60_000,
          shard: 50,
          timeoutMs: 5_000,
          template: { path: '/etc/hitless/edge.cfg.j2', text: 'template at /etc/hitless/edge.cfg.j2' },
          backends: [
            {
              backend: 'be_template',
              service: 'my-cluster',
              tags: ['web'],
              include: ['passing'],
              weights: true,
              server: 'websrv',
              slots: 100,
              spare: 4,
              options: 'cookie {{ server }} check',
              placeholder: { address: '0.0.0.0', port: 80 },
              drainMs: 30_000,
              keep: 0.5,
              holdMs: 60_000,
              allowEmpty: false,
            },
          ],
        },
      ],
    });
  });

  test('every key that may be left out has its default', () => {
    expect(parseConfig(minimal(), source)).toEqual({
      consul: { address: 'http://127.0.0.1:8500', datacenter: null, tls: {} },
      store: { scheme: 'file', path: '/etc/hitless/state' },
      fleets: [
        {
          name: 'edge',
          instances: [{ name: 'lb1', address: { scheme: 'unix', path: '/run/a.sock' } }],
          tls: {},
          snapshotEveryMs: 60_000,
          shard: 50,
          timeoutMs: 5_000,
          template: null,
          backends: [
            {
              backend: 'be',
              service: 'web',
              tags: [],
              include: ['passing'],
              weights: true,
              server: 'srv',
              slots: 10,
              spare: 4,
              options: 'check',
              placeholder: { address: '0.0.0.0', port: 80 },
              drainMs: 30_000,
              keep: 0.5,
              holdMs: 60_000,
              allowEmpty: false,
            },
          ],
        },
      ],
    });
  });

  test('instances, fleets and backends keep the order of the file, names like numbers too', () => {
    const [fleet] = parseConfig(
      `
store: file:state
fleets:
  edge:
    instances: { b: "unix:///b", 10: "unix:///10", a: "unix:///a", 2: "unix:///2" }
    backends: { z: { service: web }, a: { service: web } }
`,
      source,
    ).fleets;
    expect(fleet?.instances.map(({ name }) => name)).toEqual(['b', '10', 'a', '2']);
    expect(fleet?.backends.map(({ backend }) => backend)).toEqual(['z', 'a']);
  });

  test('two fleets may use one service, and one fleet may have several backends for it', () => {
    const config = parseConfig(
      `
store: file:state
fleets:
  one:
    instances: { lb: "tcp://10.0.0.1:1" }
    backends: { a: { service: web }, b: { service: web } }
  two:
    instances: { lb: "tcp://10.0.0.1:2" }
    backends: { a: { service: web } }
`,
      source,
    );
    expect(config.fleets.map(({ backends }) => backends.length)).toEqual([2, 1]);
  });

  test('anchors and merge keys share a policy', () => {
    const config = parseConfig(
      `
store: file:state
fleets:
  edge:
    instances: { lb: "tcp://10.0.0.1:1" }
    backends:
      a: &policy { service: web, slots: 7 }
      b: { <<: *policy, service: api }
`,
      source,
    );
    expect(config.fleets[0]?.backends.map(({ service, slots }) => [service, slots])).toEqual([
      ['web', 7],
      ['api', 7],
    ]);
  });

  const stores = [
    { text: 's3://my.bucket', store: { scheme: 's3', bucket: 'my.bucket', prefix: '' } },
    { text: 's3://bucket/a/b/', store: { scheme: 's3', bucket: 'bucket', prefix: 'a/b' } },
    { text: 'file:/var/lib/hitless', store: { scheme: 'file', path: '/var/lib/hitless' } },
    { text: 'file:///var/lib/hitless', store: { scheme: 'file', path: '/var/lib/hitless' } },
    { text: 'file:../state', store: { scheme: 'file', path: '/etc/state' } },
  ];
  test.each(stores)('the store $text', ({ text, store }) => {
    expect(parseConfig(minimal({ store: text }), source).store).toEqual(store);
  });

  const addresses = [
    { text: 'tcp://LB-1.example.com:9999', address: { scheme: 'tcp', host: 'lb-1.example.com', port: 9999 } },
    { text: 'tcp://[2001:DB8:0::1]:1', address: { scheme: 'tcp', host: '2001:db8::1', port: 1 } },
    { text: 'tls://localhost:65535', address: { scheme: 'tls', host: 'localhost', port: 65535 } },
  ];
  test.each(addresses)('the instance $text', ({ text, address }) => {
    const [fleet] = parseConfig(minimal({ instance: text }), source).fleets;
    expect(fleet?.instances[0]?.address).toEqual(address);
  });

  test('consul over https takes its files from beside the configuration', () => {
    const top =
      'consul: { address: "https://consul.example.com:8501/", ca: ca.pem, cert: /c.pem, key: k/c.key }';
    expect(parseConfig(minimal({ top }), source).consul).toEqual({
      address: 'https://consul.example.com:8501',
      datacenter: null,
      tls: { ca: '/etc/hitless/ca.pem', cert: '/c.pem', key: '/etc/hitless/k/c.key' },
    });
  });

  const values = [
    { what: 'milliseconds', backend: 'drain: 500ms', is: { drainMs: 500 } },
    { what: 'minutes', backend: 'hold: 5m', is: { holdMs: 300_000 } },
    { what: 'no drain', backend: 'drain: 0s', is: { drainMs: 0 } },
    { what: 'a whole day', backend: 'hold: 24h', is: { holdMs: 86_400_000 } },
    { what: 'no guard', backend: 'keep: 0%', is: { keep: 0 } },
    { what: 'a guard that lets nothing go', backend: 'keep: 100%', is: { keep: 1 } },
    { what: 'a fraction of a percent', backend: 'keep: 12.5%', is: { keep: 0.125 } },
    {
      what: 'an IPv6 placeholder',
      backend: 'placeholder: "[::]:80"',
      is: { placeholder: { address: '::', port: 80 } },
    },
    {
      what: 'the placeholder of the article',
      backend: 'placeholder: 192.168.122.1:8080',
      is: { placeholder: { address: '192.168.122.1', port: 8080 } },
    },
    { what: 'no options', backend: 'options: ""', is: { options: '' } },
    {
      what: 'folded options',
      backend: 'options: >\n          cookie\n          a\n',
      is: { options: 'cookie a' },
    },
    { what: 'a quoted #', backend: `options: 'sni "str(a#b)"'`, is: { options: 'sni "str(a#b)"' } },
    { what: 'warning too', backend: 'include: [warning, passing]', is: { include: ['passing', 'warning'] } },
  ];
  test.each(values)('$what', ({ backend, is }) => {
    expect(parseConfig(minimal({ backend }), source).fleets[0]?.backends[0]).toMatchObject(is);
  });
});

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

  const backends = [
    { backend: 'drain: 30', says: 'drain: expected a duration such as 500ms, 30s or 5m, got 30' },
    { backend: 'drain: 30 s', says: 'drain: expected a duration such as 500ms, 30s or 5m, got "30 s"' },
    { backend: 'drain:', says: 'drain: expected a duration such as 500ms, 30s or 5m, got nothing' },
    { backend: 'hold: 25h', says: 'hold: expected at most 24h, got "25h"' },
    { backend: 'keep: 0.5', says: 'keep: expected a share from 0% to 100%, got 0.5' },
    { backend: 'keep: 101%', says: 'keep: expected a share from 0% to 100%, got "101%"' },
    { backend: 'slots: 0', says: 'slots: expected a whole number from 1 to 4095, got 0' },
    { backend: 'slots: 4096', says: 'slots: expected a whole number from 1 to 4095, got 4096' },
    { backend: 'slots: 1.5', says: 'slots: expected a whole number from 1 to 4095, got 1.5' },
    { backend: 'slots: "10"', says: 'slots: expected a whole number from 1 to 4095, got "10"' },
    { backend: 'spare: -1', says: 'spare: expected a whole number from 0 to 1000, got -1' },
    { backend: 'allow_empty: yes', says: 'allow_empty: expected true or false, got "yes"' },
    { backend: 'weights: 1', says: 'weights: expected true or false, got 1' },
    { backend: 'tags: web', says: 'tags: expected a list of tags such as [web], got "web"' },
    { backend: 'tags: [web, 1]', says: 'tags.1: expected a tag, got 1' },
    { backend: 'tags: [""]', says: 'tags.0: a tag cannot be empty' },
    { backend: 'include: [warning]', says: 'include: expected [passing] or [passing, warning], got a list' },
    { backend: 'include: passing', says: 'include: expected [passing] or [passing, warning], got "passing"' },
    {
      backend: 'server: "web srv"',
      says: 'server: expected the beginning of a server name (letters, digits, _ . : -), got "web srv"',
    },
    {
      backend: 'server: "#1"',
      says: 'server: expected the beginning of a server name (letters, digits, _ . : -), got "#1"',
    },
    {
      backend: 'server: ""',
      says: 'server: expected the beginning of a server name (letters, digits, _ . : -), got ""',
    },
    {
      backend: 'placeholder: 0.0.0.0',
      says: 'placeholder: expected an IP address and port such as 0.0.0.0:80 or [::]:80, got "0.0.0.0"',
    },
    {
      backend: 'placeholder: localhost:80',
      says: 'placeholder: expected an IP address and port such as 0.0.0.0:80 or [::]:80, got "localhost:80"',
    },
    {
      backend: 'placeholder: 224.0.0.1:80',
      says: 'placeholder: expected an IP address and port such as 0.0.0.0:80 or [::]:80, got "224.0.0.1:80"',
    },
    {
      backend: 'placeholder: 0.0.0.0:70000',
      says: 'placeholder: expected an IP address and port such as 0.0.0.0:80 or [::]:80, got "0.0.0.0:70000"',
    },
    { backend: 'slot: 5', says: 'slot: unknown key, did you mean slots?' },
    { backend: 'allowempty: true', says: 'allowempty: unknown key, did you mean allow_empty?' },
    { backend: 'colour: red', says: /^colour: unknown key, the keys here are service, tags, include, / },
    { backend: 'options: 5', says: 'options: expected the rest of a server line, got 5' },
    { backend: 'options: "check\\nserver x 1.2.3.4:80"', says: 'options: must be one line' },
    { backend: 'options: "check\\u0000"', says: 'options: has a control character' },
    {
      backend: `options: 'check # fast'`,
      says: 'options: has a `#`, which would make the rest of the line a comment (quote it)',
    },
    { backend: `options: 'cookie "a'`, says: 'options: has an open quote (")' },
    { backend: `options: "cookie 'a"`, says: "options: has an open quote (')" },
    { backend: `options: 'check \\'`, says: 'options: ends with a backslash, which would continue the line' },
    {
      backend: `options: 'check {% raw %}'`,
      says: 'options: has `{%`, only `{{ server }}` can be used here',
    },
    {
      backend: `options: 'cookie {{ slot }}'`,
      says: 'options: has `{{`, only `{{ server }}` can be used here',
    },
    {
      backend: 'options: check disabled',
      says: 'options: must not have `disabled`: Hitless disables the slots that nobody uses',
    },
    {
      backend: `options: 'check "disabled"'`,
      says: 'options: must not have `disabled`: Hitless disables the slots that nobody uses',
    },
    { backend: 'options: weight 5', says: /^options: must not have `weight`: / },
    { backend: 'options: id 5', says: /^options: must not have `id`: / },
    {
      backend: 'options: 10.0.0.1:80 check',
      says: 'options: must begin with a keyword such as check or cookie, not with "10.0.0.1:80"',
    },
  ];
  test.each(backends)('$backend', ({ backend, says }) => {
    const [problem, ...others] = problemsOf(minimal({ backend }));
    const prefix = 'hitless.yml:11 fleets.edge.backends.be.';
    expect(others).toEqual([]);
    expect(problem?.slice(0, prefix.length)).toBe(prefix);
    expect(problem?.slice(prefix.length)).toEqual(
      says instanceof RegExp ? expect.stringMatching(says) : says,
    );
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
