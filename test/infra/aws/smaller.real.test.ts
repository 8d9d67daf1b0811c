import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { smaller } from '../../../infra/aws/bundle/smaller.ts';
import { unused } from '../../../infra/aws/bundle/unused.ts';
import { type Emulator, startEmulator } from '../../../infra/local/emulator.ts';
import { freePort } from '../../../infra/local/free-port.ts';
import { temporaryFolder } from '../../../infra/local/temporary-folder.ts';

/** Asks for what is not there, and puts and gets an object: what is said must not depend on the bundling. */
const PROGRAM = `
import { CreateBucketCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { GetQueueAttributesCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
const sqs = new SQSClient({});
const ssm = new SSMClient({});
const s3 = new S3Client({ forcePathStyle: true });
const told = async (request) => request.then(
  (answer) => answer.$metadata.httpStatusCode,
  ({ name, message, $metadata, $fault }) => ({ name, message, status: $metadata?.httpStatusCode, $fault }),
);
const QueueUrl = process.env.MISSING_QUEUE;
const at = { Bucket: process.env.BUCKET, Key: 'a/b' };
console.log(JSON.stringify([
  await told(sqs.send(new GetQueueAttributesCommand({ QueueUrl }))),
  await told(sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries: [] }))),
  await told(ssm.send(new GetParametersCommand({ Names: ['InvalidKeyId'] }))),
  await told(ssm.send(new GetParametersCommand({ Names: ['AccessDeniedException'] }))),
  await told(s3.send(new CreateBucketCommand({ Bucket: at.Bucket }))),
  await told(s3.send(new GetObjectCommand(at))),
  await told(s3.send(new HeadObjectCommand(at))),
  await told(s3.send(new PutObjectCommand({ ...at, Body: 'text', IfNoneMatch: '*' }))),
  await told(s3.send(new PutObjectCommand({ ...at, Body: 'text', IfNoneMatch: '*' }))),
  await s3.send(new GetObjectCommand(at)).then(({ Body }) => Body.transformToString()),
]));
`;

const folder = temporaryFolder('smaller');
let emulator: Emulator;
/** Refuses every request, with the code that it asks for. */
const parameterStore = createServer(async (request, response) => {
  const { Names } = v.parse(v.object({ Names: v.array(v.string()) }), await json(request));
  response.writeHead(400, { 'Content-Type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify({ __type: Names[0], message: 'refused' }));
});
let parameterStoreUrl: string;
beforeAll(async () => {
  emulator = await startEmulator();
  const port = await freePort();
  parameterStore.listen(port, '127.0.0.1');
  await once(parameterStore, 'listening');
  parameterStoreUrl = `http://127.0.0.1:${port}`;
});
afterAll(async () => {
  parameterStore.closeAllConnections();
  parameterStore.close();
  await emulator.stop();
  folder.remove();
});

async function output(args: readonly string[], bucket: string): Promise<unknown> {
  const env = {
    ...emulator.environment,
    AWS_ENDPOINT_URL_SSM: parameterStoreUrl,
    MISSING_QUEUE: `${emulator.environment.AWS_ENDPOINT_URL_SQS}/000000000000/missing.fifo`,
    BUCKET: bucket,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [...args], { env });
  return JSON.parse(stdout);
}

test('a bundle says the same of refusals and answers as the SDK does unbundled', async () => {
  const source = join(folder.path, 'program.ts');
  await writeFile(source, PROGRAM);
  const outfile = join(folder.path, 'program.mjs');
  await build({
    ...{ entryPoints: [source], outfile, bundle: true, format: 'esm', platform: 'node', minify: true },
    nodePaths: [join(process.cwd(), 'node_modules')],
    mainFields: ['module', 'main'],
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    plugins: [unused, smaller],
  });
  const bundled = await output([outfile], 'bundled');
  expect(bundled).toEqual(await output(['--input-type=module', '--eval', PROGRAM], 'unbundled'));
  expect(bundled).toMatchObject([
    { name: 'QueueDoesNotExist', status: 400 },
    { name: 'QueueDoesNotExist', status: 400 },
    { name: 'InvalidKeyId', message: 'refused', status: 400 },
    { name: 'AccessDeniedException', message: 'refused', status: 400 },
    200,
    { name: 'NoSuchKey', status: 404 },
    { name: 'NotFound', status: 404 },
    200,
    { name: 'PreconditionFailed', status: 412 },
    'text',
  ]);
});
