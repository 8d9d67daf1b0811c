import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { minimal, source } from './config-samples.ts';

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
          instancesFrom: null,
          snapshotEveryMs: 60_000,
          reportEveryMs: 0,
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

  test.each([
    { what: 'without a template, as a state file needs it', with: '', every: 60_000 },
    { what: 'with a template, which makes a state file needless', with: 'template: a.j2', every: 3_600_000 },
    { what: 'as it says', with: 'template: a.j2\n    snapshot_every: 5s', every: 5_000 },
  ])('a fleet keeps snapshots $what', ({ with: more, every }) => {
    const text = minimal().replace('  edge:\n', `  edge:\n    ${more}\n`);
    expect(parseConfig(text, source).fleets[0]?.snapshotEveryMs).toBe(every);
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
          instancesFrom: null,
          snapshotEveryMs: 60_000,
          reportEveryMs: 0,
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
