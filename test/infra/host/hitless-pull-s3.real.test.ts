import { readdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startEmulator } from '../../../infra/local/emulator.ts';
import { freePort } from '../../../infra/local/free-port.ts';
import { configuration, type PullingHost, published, pullingHost } from './pulling-host.ts';
import { type StandIn, startStandIn } from './signed-requests.ts';

const credentials = {
  accessKey: 'AKIDEXAMPLE',
  secretKey: 'wJalr/XUt+nFEMI=',
  sessionToken: 'to/ken+with==',
};
const region = 'eu-central-1';
const current = '/bucket/a/prefix/fleets/edge/current.json';
const cfg = '/bucket/a/prefix/fleets/edge/haproxy.cfg';

let s3: StandIn;
let host: PullingHost;
beforeEach(async () => {
  s3 = await startStandIn(credentials, region);
  host = await pullingHost({
    HITLESS_STORE: 's3://bucket/a/prefix/',
    HITLESS_ENDPOINT: s3.endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKey,
    AWS_SECRET_ACCESS_KEY: credentials.secretKey,
    AWS_SESSION_TOKEN: credentials.sessionToken,
  });
});
afterEach(async () => {
  host.remove();
  await s3.stop();
});

function put(generation: number, text: string, structure?: string): void {
  const objects = published(generation, text, structure);
  s3.objects.set(current, objects.current);
  s3.objects.set(cfg, objects.text);
}

const shown = () => s3.seen.map(({ method, path, status }) => `${method} ${path} ${status}`);

describe('a pull from S3', () => {
  test('signs every request, and asks with the ETag it has', async () => {
    put(1, configuration());
    expect(await host.pull()).toMatchObject({ code: 0, stderr: '' });
    expect(await host.pull()).toMatchObject({
      code: 0,
      stdout: 'hitless-pull: generation 1 of fleet edge is in place, nothing to do\n',
    });
    put(2, configuration('10.0.0.2'));
    expect(await host.pull()).toMatchObject({
      code: 0,
      stdout: 'hitless-pull: installed generation 2 of fleet edge, no reload needed\n',
    });
    expect(shown()).toEqual([
      `GET ${current} 200`,
      `GET ${cfg} 200`,
      `GET ${current} 304`,
      `GET ${current} 200`,
      `GET ${cfg} 200`,
    ]);
    expect(await host.read(host.configFile)).toBe(configuration('10.0.0.2'));
  });

  test('without a session, and without a prefix', async () => {
    const plain = { ...credentials, sessionToken: '' };
    const bare = await startStandIn(plain, region);
    const objects = published(1, configuration());
    bare.objects.set('/bucket/fleets/edge/current.json', objects.current);
    bare.objects.set('/bucket/fleets/edge/haproxy.cfg', objects.text);
    const differs = { HITLESS_STORE: 's3://bucket', HITLESS_ENDPOINT: bare.endpoint, AWS_SESSION_TOKEN: '' };
    expect(await host.pull(differs)).toMatchObject({ code: 0, stderr: '' });
    await bare.stop();
  });

  test('remembers an ETag only when all went well', async () => {
    put(1, configuration());
    s3.objects.set(cfg, configuration('10.9.9.9'));
    expect((await host.pull()).code).toBe(1);
    s3.objects.set(cfg, configuration());
    expect((await host.pull()).stdout).toContain('installed generation 1');
  });

  test('takes a configuration that was half published at the first look', async () => {
    put(1, configuration());
    s3.objects.set(cfg, configuration('10.0.0.2'));
    s3.beforeAnswers.push(
      () => {},
      () => {},
      () => put(2, configuration('10.0.0.2')),
    );
    expect((await host.pull()).stdout).toContain('installed generation 2');
  });

  test('says what S3 said when it refuses', async () => {
    const { code, stderr } = await host.pull({ AWS_SECRET_ACCESS_KEY: 'wrong' });
    expect(code).toBe(1);
    expect(stderr).toBe(
      'hitless-pull: cannot read s3://bucket/a/prefix/fleets/edge/current.json: HTTP 403 SignatureDoesNotMatch the signature is another one\n',
    );
  });

  test('says that nothing is published', async () => {
    expect(await host.pull()).toMatchObject({
      code: 1,
      stderr:
        'hitless-pull: nothing is published for fleet edge at s3://bucket/a/prefix/fleets/edge/current.json\n',
    });
  });

  test('says that nobody answers', async () => {
    const { code, stderr } = await host.pull({ HITLESS_ENDPOINT: `http://127.0.0.1:${await freePort()}` });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hitless-pull: cannot read s3:\/\/.*: .*connect.*\n$/i);
  });

  test('never shows a secret as an argument, nor leaves one on disk', async () => {
    put(1, configuration());
    const reloadSaw = join(host.folder, 'environment');
    const seen: string[] = [];
    // The moments at which a curl waits for its answer.
    const look = () => seen.push(...everyArgument());
    s3.beforeAnswers.push(look, look);
    expect(await host.pull({ HITLESS_RELOAD: `env > ${reloadSaw}` })).toMatchObject({ code: 0 });
    expect(seen.some((line) => line.includes('--config - '))).toBe(true);
    expect(seen.filter((line) => line.includes(credentials.secretKey))).toEqual([]);
    expect(seen.filter((line) => line.includes(credentials.sessionToken))).toEqual([]);
    expect(await host.read(reloadSaw)).toContain('HITLESS_FLEET=edge');
    expect(await host.read(reloadSaw)).not.toContain(credentials.secretKey);
    expect((await readdir(join(host.folder, 'state'))).sort()).toEqual(['installed', 'lock']);
  });
});

describe('the role of an instance', () => {
  const environment = {
    AWS_REGION: '',
    AWS_ACCESS_KEY_ID: '',
    AWS_SECRET_ACCESS_KEY: '',
    AWS_SESSION_TOKEN: '',
  };

  test('gives region and credentials by IMDSv2', async () => {
    s3.role = { accessKey: 'ASIAROLE', secretKey: 'role/secret', sessionToken: 'role/token' };
    put(1, configuration());
    const differs = { ...environment, AWS_EC2_METADATA_SERVICE_ENDPOINT: s3.endpoint, AWS_REGION: region };
    expect(await host.pull(differs)).toMatchObject({ code: 0, stderr: '' });
    expect(shown()).toEqual([
      'PUT /latest/api/token 200',
      'GET /latest/meta-data/iam/security-credentials/ 200',
      'GET /latest/meta-data/iam/security-credentials/lb-role 200',
      `GET ${current} 200`,
      `GET ${cfg} 200`,
    ]);
  });

  test('that is missing is said', async () => {
    const differs = { ...environment, AWS_EC2_METADATA_SERVICE_ENDPOINT: s3.endpoint };
    expect(await host.pull(differs)).toMatchObject({
      code: 1,
      stderr: `hitless-pull: no credentials: AWS_ACCESS_KEY_ID is not set, and ${s3.endpoint} has no role\n`,
    });
  });

  test('is not waited for on a host that is no instance', async () => {
    const differs = {
      ...environment,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
    };
    expect((await host.pull(differs)).code).toBe(1);
  });

  test('tells the region of a bucket at AWS itself', async () => {
    // The request goes to a name that cannot be resolved here; the message shows that the region was found.
    s3.role = { accessKey: 'ASIAROLE', secretKey: 'role/secret', sessionToken: 'role/token' };
    const differs = {
      ...environment,
      HITLESS_ENDPOINT: '',
      AWS_EC2_METADATA_SERVICE_ENDPOINT: s3.endpoint,
      https_proxy: 'http://127.0.0.1:1',
    };
    expect((await host.pull(differs)).code).toBe(1);
    expect(shown()).toContain('GET /latest/meta-data/placement/region 200');
  });
});

test('pulls from the local system’s S3 what the AWS SDK put there', async () => {
  const emulator = await startEmulator();
  await emulator.createBucket('pulled');
  const { current: json, text } = published(5, configuration());
  const object = (name: string, Body: string) =>
    emulator.s3.send(new PutObjectCommand({ Bucket: 'pulled', Key: `x/fleets/edge/${name}`, Body }));
  await object('haproxy.cfg', text);
  await object('current.json', json);
  const differs = {
    HITLESS_STORE: 's3://pulled/x',
    HITLESS_ENDPOINT: emulator.s3Endpoint,
    AWS_SESSION_TOKEN: '',
  };
  expect(await host.pull(differs)).toMatchObject({ code: 0, stderr: '' });
  expect((await host.pull(differs)).stdout).toContain('nothing to do');
  expect(await host.read(host.configFile)).toBe(text);
  await emulator.stop();
});

/** The arguments of every process on this machine. */
function everyArgument(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    });
}

describe('an answer that is larger than anything Hitless publishes is not kept', () => {
  test.each([
    {
      what: 'says so',
      headers: { 'content-length': String(1024 ** 4) },
      says: '(63) Maximum file size exceeded',
    },
    { what: 'does not say so, and never ends', headers: {}, says: 'it has more than 65536 bytes' },
  ])('and $what', async ({ headers, says }) => {
    const server = createServer((_request, response) => {
      response.writeHead(200, headers);
      const more = Buffer.alloc(64 * 1024, ' ');
      const write = () => {
        while (!response.destroyed && response.write(more));
      };
      response.on('drain', write);
      write();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const began = performance.now();
      const { code, stderr } = await host.pull({ HITLESS_ENDPOINT: `http://127.0.0.1:${port}` });
      expect(stderr).toContain(`cannot read s3://bucket/a/prefix/fleets/edge/current.json: ${says}`);
      expect(code).toBe(1);
      expect(performance.now() - began).toBeLessThan(5_000);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
