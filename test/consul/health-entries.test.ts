import { describe, expect, test } from 'vitest';
import { NotHealthEntries, parseHealthEntries, withoutNames } from '../../lib/consul/health-entries.ts';

interface CheckOf {
  readonly CheckID: string;
  readonly Status: string;
}

/** An entry as Consul 1.8.7 writes it, shortened to what differs. */
function entry(service: object, checks: readonly CheckOf[] | null = [], node: object = {}): object {
  return {
    Node: { ID: '6b0c', Node: 'node1', Address: '10.0.0.9', Datacenter: 'dc1', Meta: null, ...node },
    Service: {
      ID: 'web1',
      Service: 'web',
      Tags: ['web'],
      Address: '10.0.0.1',
      Port: 8080,
      Weights: { Passing: 1, Warning: 1 },
      ...service,
    },
    Checks: checks,
  };
}

const serf = { CheckID: 'serfHealth', Status: 'passing' };

test('an entry is trimmed to address, port, tags, status, weights and its names; for a message without these', () => {
  const [read, ...none] = parseHealthEntries([entry({ Weights: { Passing: 10, Warning: 2 } }, [serf])]);
  if (read === undefined) throw new Error('no entry');
  expect(none).toEqual([]);
  const trimmed = {
    address: '10.0.0.1',
    port: 8080,
    tags: ['web'],
    status: 'passing',
    weights: { passing: 10, warning: 2 },
  };
  expect(read).toEqual({ ...trimmed, node: 'node1', id: 'web1' });
  expect(withoutNames(read)).toEqual(trimmed);
});

test('no entries are no entries', () => {
  expect(parseHealthEntries([])).toEqual([]);
});

test.each([
  { what: 'no address of its own', service: { Address: '' } },
  { what: 'address null', service: { Address: null } },
])('a service with $what has its node’s', ({ service }) => {
  expect(parseHealthEntries([entry(service)])[0]?.address).toBe('10.0.0.9');
});

test('what neither the service nor the node has is empty, and what is optional has Consul’s defaults', () => {
  const bare = { Node: { Node: 'node1' }, Service: { ID: 'web1', Port: 1 } };
  expect(parseHealthEntries([bare])).toEqual([
    {
      ...{ address: '', port: 1, tags: [], status: 'passing', weights: { passing: 1, warning: 1 } },
      ...{ node: 'node1', id: 'web1' },
    },
  ]);
  const nulls = { Node: { Address: null }, Service: { Port: 1, Tags: null, Weights: null }, Checks: null };
  expect(parseHealthEntries([nulls])).toEqual([{ ...parseHealthEntries([bare])[0], node: '', id: '' }]);
});

test('hostile strings come through as they are: judging them is the reading’s business', () => {
  const address = '10.0.0.1; shutdown sessions\n\0';
  expect(parseHealthEntries([entry({ Address: address, Port: -70_000, Tags: ['\u202e'] })])).toMatchObject([
    { address, port: -70_000, tags: ['\u202e'] },
  ]);
});

const critical = { CheckID: 'http', Status: 'critical' };
const warning = { CheckID: 'ttl', Status: 'warning' };
/** As measured on 1.8.7; see lib/consul/health-status.ts. */
const unrun = (Type: string, Output = '') => ({ CheckID: 'service:web1', Status: 'critical', Type, Output });
const serviceMaintenance = { CheckID: '_service_maintenance:web1', Status: 'critical' };
const nodeMaintenance = { CheckID: '_node_maintenance', Status: 'critical' };

test.each([
  { what: 'no checks', checks: [], status: 'passing' },
  { what: 'checks null', checks: null, status: 'passing' },
  { what: 'all passing', checks: [serf, { CheckID: 'http', Status: 'passing' }], status: 'passing' },
  { what: 'one warning', checks: [serf, warning], status: 'warning' },
  { what: 'one critical among others', checks: [warning, critical, serf], status: 'critical' },
  { what: 'the node critical', checks: [{ CheckID: 'serfHealth', Status: 'critical' }], status: 'critical' },
  { what: 'service maintenance', checks: [serf, serviceMaintenance], status: 'maintenance' },
  { what: 'node maintenance', checks: [nodeMaintenance, serf], status: 'maintenance' },
  {
    what: 'maintenance of something critical',
    checks: [critical, serviceMaintenance],
    status: 'maintenance',
  },
  { what: 'an HTTP check that has not run', checks: [serf, unrun('http')], status: 'unchecked' },
  {
    what: 'a TCP and a gRPC check that have not run',
    checks: [unrun('tcp'), unrun('grpc')],
    status: 'unchecked',
  },
  { what: 'one that has not run, one with a warning', checks: [unrun('http'), warning], status: 'unchecked' },
  {
    what: 'an HTTP check, registered anew before, that has not run',
    checks: [unrun('http', 'HTTP GET http://127.0.0.1:80/: 200 OK Output: fine')],
    status: 'unchecked',
  },
  {
    what: 'a TCP check, registered anew before, that has not run',
    checks: [unrun('tcp', 'TCP connect 127.0.0.1:80: Success')],
    status: 'unchecked',
  },
  { what: 'one that has not run, one critical', checks: [unrun('http'), critical], status: 'critical' },
  {
    what: 'one that has not run, in maintenance',
    checks: [unrun('http'), nodeMaintenance],
    status: 'maintenance',
  },
  {
    what: 'an HTTP check that failed',
    checks: [unrun('http', 'HTTP GET http://127.0.0.1:80/: 503 Service Unavailable Output: 200 OK')],
    status: 'critical',
  },
  {
    what: 'an HTTP check that got no answer',
    checks: [unrun('http', 'Get "http://127.0.0.1:80/": dial tcp 127.0.0.1:80: connect: connection refused')],
    status: 'critical',
  },
  { what: 'a TTL check that was failed without a note', checks: [unrun('ttl')], status: 'critical' },
  { what: 'a script that failed without a word', checks: [unrun('script')], status: 'critical' },
  {
    what: 'the node critical without a word',
    checks: [{ ...unrun(''), CheckID: 'serfHealth' }],
    status: 'critical',
  },
  {
    what: 'an unknown status without a word',
    checks: [{ ...unrun('http'), Status: 'odd' }],
    status: 'critical',
  },
  { what: 'a status that we do not know', checks: [{ CheckID: 'x', Status: 'odd' }], status: 'critical' },
])('the status with $what is $status', ({ checks, status }) => {
  expect(parseHealthEntries([entry({}, checks)])[0]?.status).toBe(status);
});

test('where a check passes without a word, one that is critical without a word has failed', () => {
  const silent = { ...unrun('tcp'), Status: 'passing' };
  const words = unrun('http', 'HTTP GET http://127.0.0.1:80/: 200 OK Output: fine');
  const entries = [[unrun('http')], [silent], [words]].map((checks) => entry({}, checks));
  expect(parseHealthEntries(entries).map(({ status }) => status)).toEqual([
    'critical',
    'passing',
    'unchecked',
  ]);
});

describe('what is no service watch’s body is one error that says what it got', () => {
  test.each([
    { what: 'services', body: { consul: [], web: ['v1'] }, got: 'an object with consul, web' },
    {
      what: 'key',
      body: { Key: 'a', CreateIndex: 1, Value: 'eA==' },
      got: 'an object with Key, CreateIndex, Value',
    },
    { what: 'absent key or keyprefix', body: null, got: 'null' },
    {
      what: 'nodes',
      body: [{ ID: '6b0c', Node: 'node1', Address: '10.0.0.9', Datacenter: 'dc1', Meta: null }],
      got: 'an object with ID, Node, Address, Datacenter, …',
    },
    {
      what: 'checks',
      body: [{ Node: 'node1', CheckID: 'serfHealth', Name: 'Serf', Status: 'passing' }],
      got: 'an object with Node, CheckID, Name, Status',
    },
    {
      what: 'event',
      body: [{ ID: 'b1', Name: 'deploy', Payload: null }],
      got: 'an object with ID, Name, Payload',
    },
    { what: 'keyprefix', body: [{ Key: 'a/b', Value: 'eA==' }], got: 'an object with Key, Value' },
    { what: 'text', body: 'hello', got: 'a string' },
    { what: 'a list of nothing', body: [null], got: 'an array with null in it' },
    { what: 'a list of lists', body: [[]], got: 'an array' },
    { what: 'nothing at all', body: undefined, got: 'nothing' },
    { what: 'a port as text', body: [entry({}), entry({ Port: '80' })], got: 'Service.Port' },
    { what: 'an endless port', body: [entry({ Port: Number.POSITIVE_INFINITY })], got: 'Service.Port' },
    { what: 'a tag that is no text', body: [entry({ Tags: ['a', 1] })], got: 'Service.Tags.1' },
    { what: 'a hostile key', body: { 'a\nb': 1 }, got: 'an object with a\\nb' },
  ])('$what', ({ body, got }) => {
    expect(() => parseHealthEntries(body)).toThrow(NotHealthEntries);
    expect(() => parseHealthEntries(body)).toThrow(/^expected the body of a watch of type "service"/);
    expect(() => parseHealthEntries(body)).toThrow(got);
  });
});
