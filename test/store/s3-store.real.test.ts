/** The S3 store with the unmodified SDK against the emulator; what the emulator never does is done to the client. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HeadObjectCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../infra/local/emulator.ts';
import { retriesFor } from '../../lib/aws/retries.ts';
import { StoreFailed } from '../../lib/store/object-store.ts';
import { createS3Store } from '../../lib/store/s3-store.ts';
import { describeObjectStore } from './object-store-contract.ts';

describeObjectStore('S3', async () => {
  const emulator = await startEmulator();
  await emulator.createBucket('hitless');
  return {
    store: createS3Store(emulator.s3, { bucket: 'hitless', prefix: 'some/prefix' }),
    stop: () => emulator.stop(),
  };
});

let emulator: Emulator;
let client: S3Client;

beforeAll(async () => {
  emulator = await startEmulator();
  await emulator.createBucket('bucket');
});

afterAll(() => emulator.stop());

/** A client for each test, because tests change its middleware. */
beforeEach(() => {
  const { s3Endpoint: endpoint, region, credentials } = emulator;
  client = new S3Client({ endpoint, region, credentials, forcePathStyle: true } satisfies S3ClientConfig);
});

afterEach(() => client.destroy());

type Fault = 'before' | 'after' | null;

/** Puts a fault into each of the next PUT attempts, below the SDK's own repetition: before S3 sees it, or after. */
function disturbPuts(faults: Fault[], error: () => Error): { attempts: () => number } {
  let attempts = 0;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      if (context.commandName !== 'PutObjectCommand') return next(args);
      const fault = faults[attempts] ?? null;
      attempts += 1;
      if (fault === 'before') throw error();
      const answer = await next(args);
      if (fault === 'after') throw error();
      return answer;
    },
    { step: 'deserialize', priority: 'low', name: 'disturbPuts' },
  );
  return { attempts: () => attempts };
}

function connectionLost(): Error {
  return Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET' });
}

function conflict(): Error {
  return Object.assign(new Error('conflicting operation'), {
    name: 'ConditionalRequestConflict',
    $metadata: { httpStatusCode: 409 },
  });
}

describe('keys stand below the prefix, with or without its slash, with their content type', () => {
  test.each([
    { prefix: '', at: 'x/a.json' },
    { prefix: 'p/q', at: 'p/q/x/a.json' },
    { prefix: 'p/q/', at: 'p/q/x/a.json' },
  ])('prefix $prefix', async ({ prefix, at }) => {
    await createS3Store(client, { bucket: 'bucket', prefix }).put('x/a.json', '{}');
    const head = await client.send(new HeadObjectCommand({ Bucket: 'bucket', Key: at }));
    expect(head.ContentType).toBe('application/json');
  });

  test('what is not JSON is text', async () => {
    await createS3Store(client, { bucket: 'bucket', prefix: '' }).putIf('haproxy.cfg', 'global\n', null);
    const head = await client.send(new HeadObjectCommand({ Bucket: 'bucket', Key: 'haproxy.cfg' }));
    expect(head.ContentType).toBe('text/plain; charset=utf-8');
  });
});

describe('a conditional put whose answer was lost', () => {
  test('is a success when S3 refuses the repetition because of ourselves', async () => {
    const store = createS3Store(client, { bucket: 'bucket', prefix: 'lost' });
    const { attempts } = disturbPuts(['after'], connectionLost);
    const result = await store.putIf('create', 'mine', null);
    expect(attempts()).toBe(2);
    expect(await store.get('create')).toEqual({
      body: 'mine',
      etag: result === 'lost-race' ? '' : result.etag,
    });
  });

  test('is one for a replacement, too', async () => {
    const store = createS3Store(client, { bucket: 'bucket', prefix: 'lost' });
    await store.put('replace', 'old');
    const read = await store.get('replace');
    disturbPuts(['after', 'after'], connectionLost);
    expect(await store.putIf('replace', 'mine', read?.etag ?? null)).not.toBe('lost-race');
    expect((await store.get('replace'))?.body).toBe('mine');
  });

  test('is a lost race when somebody else had written the very same body before', async () => {
    const store = createS3Store(client, { bucket: 'bucket', prefix: 'lost' });
    await store.putIf('equal', '1', null);
    const { attempts } = disturbPuts(['before'], connectionLost);
    expect(await store.putIf('equal', '1', null)).toBe('lost-race');
    expect(attempts()).toBe(2);
  });
});

describe('a conflict (409), which the emulator never answers', () => {
  test('is asked again until S3 has decided', async () => {
    const store = createS3Store(client, { bucket: 'bucket', prefix: 'conflict' });
    const { attempts } = disturbPuts(['before', 'before'], conflict);
    expect(await store.putIf('a', 'mine', null)).not.toBe('lost-race');
    expect(attempts()).toBe(3);
  });

  test('that does not end is a lost race, and nothing is written', async () => {
    const store = createS3Store(client, { bucket: 'bucket', prefix: 'conflict' });
    disturbPuts(['before', 'before', 'before', 'before', 'before'], conflict);
    expect(await store.putIf('b', 'mine', null)).toBe('lost-race');
    expect(await store.get('b')).toBeNull();
  });
});

describe('what S3 will not do is named with bucket and key', () => {
  test('a bucket that is not there', async () => {
    const store = createS3Store(client, { bucket: 'nowhere', prefix: 'p' });
    await expect(store.get('a.json')).rejects.toThrow(
      /^cannot get s3:\/\/nowhere\/p\/a\.json: 404 NoSuchBucket: .* \(GetObject\)$/,
    );
    await expect(store.put('a.json', '')).rejects.toThrow(
      /^cannot put s3:\/\/nowhere\/p\/a\.json: 404 NoSuchBucket: .* \(PutObject\)$/,
    );
    await expect(store.putIf('a.json', '', '"x"')).rejects.toThrow(StoreFailed);
  });

  test('a put that always fails', async () => {
    const store = createS3Store(client, { bucket: 'bucket', prefix: 'failing' });
    disturbPuts(['before', 'before', 'before', 'before'], connectionLost);
    await expect(store.putIf('a', '', null)).rejects.toThrow(
      'cannot put s3://bucket/failing/a: socket hang up (ECONNRESET) (PutObject, 3 attempts)',
    );
  });

  test('nobody at the endpoint', async () => {
    client.destroy();
    const { region, credentials } = emulator;
    client = new S3Client({ endpoint: 'http://127.0.0.1:1', region, credentials, maxAttempts: 1 });
    const store = createS3Store(client, { bucket: 'bucket', prefix: '' });
    await expect(store.get('a')).rejects.toThrow(/cannot get s3:\/\/bucket\/a: .*ECONNREFUSED/);
  });

  test('an object that may be missing, when S3 does not say', async () => {
    client.middlewareStack.add(
      () => async () => {
        throw Object.assign(new Error('Access Denied'), { name: 'AccessDenied' });
      },
      { step: 'deserialize', priority: 'low', name: 'denied' },
    );
    const store = createS3Store(client, { bucket: 'bucket', prefix: '' });
    await expect(store.get('a')).rejects.toThrow(
      'AccessDenied: Access Denied (GetObject) (without s3:ListBucket also for',
    );
  });
});

test('an object that is too large for any memory is not read', async () => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(200, { etag: '"1"', 'content-length': String(1024 ** 4) }).write('{');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { region, credentials } = emulator;
  const endpoint = `http://127.0.0.1:${port}`;
  const huge = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    const reading = createS3Store(huge, { bucket: 'bucket', prefix: '' }).get('fleets/edge/slots.json');
    await expect(reading).rejects.toThrow(
      /^cannot get s3:\/\/bucket\/fleets\/edge\/slots\.json: .*it has more than 128MiB, which Hitless never writes/,
    );
    expect(asked).toBe(1);
  } finally {
    huge.destroy();
    server.closeAllConnections();
    server.close();
  }
});

test.each([
  { what: 'as this machine has it', aheadMs: 0 },
  { what: 'an hour back', aheadMs: 3_600_000 },
  { what: 'an hour on', aheadMs: -3_600_000 },
])('the time is what S3 says in its answers: $what', async ({ aheadMs }) => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.sendDate = false;
    const date = new Date(Date.now() - aheadMs).toUTCString();
    response.writeHead(404, { date }).end('<Error><Code>NoSuchKey</Code></Error>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { region, credentials } = emulator;
  const endpoint = `http://127.0.0.1:${port}`;
  const elsewhere = new S3Client({
    ...{ endpoint, region, credentials, forcePathStyle: true },
    retryStrategy: retriesFor(1_000),
  });
  try {
    const { clock, get } = createS3Store(elsewhere, { bucket: 'bucket', prefix: '' });
    expect(clock?.aheadMs).toBeNull();
    expect(await get('key')).toBeNull();
    expect(asked).toBe(1);
    expect(Math.abs((clock?.aheadMs ?? 0) - aheadMs)).toBeLessThanOrEqual(1_000);
    expect(Math.abs((clock?.now() ?? 0) - (Date.now() - aheadMs))).toBeLessThanOrEqual(1_100);
  } finally {
    elsewhere.destroy();
    server.closeAllConnections();
    server.close();
  }
});

test('a request that S3 refuses for the time in its signature is signed anew and sent once more', async () => {
  const dates: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    dates.push(request.headers['x-amz-date']?.toString());
    response.sendDate = false;
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    response.writeHead(403, { date }).end('<Error><Code>RequestTimeTooSkewed</Code></Error>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { region, credentials } = emulator;
  const elsewhere = new S3Client({
    ...{ endpoint: `http://127.0.0.1:${port}`, region, credentials, forcePathStyle: true },
    retryStrategy: retriesFor(1_000),
  });
  try {
    const { get } = createS3Store(elsewhere, { bucket: 'bucket', prefix: '' });
    await expect(get('key')).rejects.toThrow('403 RequestTimeTooSkewed');
    expect(dates).toHaveLength(2);
    expect(dates[1]).not.toBe(dates[0]);
  } finally {
    elsewhere.destroy();
    server.closeAllConnections();
    server.close();
  }
});
