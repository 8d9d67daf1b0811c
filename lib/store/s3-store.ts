/** The object store on Amazon S3, with its conditional writes (S3 User Guide, "Conditional requests"). */

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { awsReason } from '../aws/reason.ts';
import { type ObjectStore, StoreFailed } from './object-store.ts';
import { StoreClock } from './store-clock.ts';
import { wholeBody } from './whole-body.ts';

export interface S3Location {
  readonly bucket: string;
  /** Before every key, with or without a slash at its end; empty: none. */
  readonly prefix: string;
}

/** User metadata (`x-amz-meta-…`) that says which call wrote an object. */
const WRITTEN_BY = 'hitless-write';
const CONFLICT_ATTEMPTS = 4;
const CONFLICT_PAUSE_MS = 50;

/** In S3's words and in ours. */
const OPERATIONS = { GetObject: 'get', ListObjectsV2: 'get', PutObject: 'put' } as const;

/**
 * Needs `s3:GetObject` and `s3:PutObject` below the prefix, and `s3:ListBucket` on the bucket: without the latter
 * S3 says 403 instead of 404 for an object that is not there.
 *
 * When the answer to a conditional write is lost, the SDK sends it again, and S3 refuses the second one (412, or 409
 * while the first is under way) although the object is ours. So each write carries an id in its metadata, and after
 * such a refusal the object is looked at: with our id it was written by us, by nobody else, and still is what we
 * wrote, so this is success. Comparing bodies instead would also take somebody else's equal write for ours.
 */
export function createS3Store(client: S3Client, { bucket, prefix }: S3Location): ObjectStore {
  const start = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  const place = (key: string) => ({ Bucket: bucket, Key: `${start}${key}` });
  const failed = (call: keyof typeof OPERATIONS, key: string, error: unknown) =>
    new StoreFailed(OPERATIONS[call], `s3://${bucket}/${start}${key}`, explained(call, error));

  const clock = new StoreClock();
  client.middlewareStack.add((next) => (args) => clock.hear(() => next(args), dateOf), {
    step: 'deserialize',
    priority: 'low',
  });

  return {
    clock,

    async get(key, signal) {
      try {
        const command = new GetObjectCommand(place(key));
        command.middlewareStack.use(wholeBody);
        const found = await client.send(command, until(signal));
        if (found.ETag === undefined || found.Body === undefined)
          throw new Error('S3 answered without an ETag');
        return { body: await found.Body.transformToString(), etag: found.ETag };
      } catch (error) {
        if (nameOf(error) === 'NoSuchKey') return null;
        throw failed('GetObject', key, error);
      }
    },

    async put(key, body, signal) {
      const input = { ...place(key), Body: Buffer.from(body), ContentType: contentTypeOf(key) };
      try {
        await client.send(new PutObjectCommand(input), until(signal));
      } catch (error) {
        throw failed('PutObject', key, error);
      }
    },

    async list(folder, signal) {
      try {
        return await namesBelow(client, bucket, `${start}${folder}/`, signal);
      } catch (error) {
        throw failed('ListObjectsV2', folder, error);
      }
    },

    async putIf(key, body, expected, signal) {
      const id = randomUUID();
      const condition = expected === null ? { IfNoneMatch: '*' } : { IfMatch: expected };
      const input = {
        ...place(key),
        ...condition,
        Body: Buffer.from(body),
        ContentType: contentTypeOf(key),
        Metadata: { [WRITTEN_BY]: id },
      };
      try {
        return await putConditionally(client, id, input, signal);
      } catch (error) {
        throw failed('PutObject', key, error);
      }
    },
  };
}

/** Of S3's answer, whatever it says; below the SDK's retries, so it is that of the last attempt. */
function dateOf({ response }: { readonly response: unknown }): string | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const { headers } = response;
  const date: unknown =
    typeof headers === 'object' && headers !== null ? Reflect.get(headers, 'date') : undefined;
  return typeof date === 'string' ? date : undefined;
}

function until(signal: AbortSignal | undefined) {
  return signal === undefined ? {} : { abortSignal: signal };
}

/** A thousand in one answer. */
async function namesBelow(
  client: S3Client,
  bucket: string,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const names: string[] = [];
  let next: { ContinuationToken?: string } | null = {};
  while (next !== null) {
    const asked = { Bucket: bucket, Prefix: prefix, Delimiter: '/', ...next };
    const command = new ListObjectsV2Command(asked);
    const answer: ListObjectsV2CommandOutput = await client.send(command, until(signal));
    const { Contents: objects = [], CommonPrefixes: folders = [], NextContinuationToken: token } = answer;
    const keys = [...objects.map(({ Key }) => Key ?? ''), ...folders.map(({ Prefix }) => Prefix ?? '')];
    names.push(...keys.map((key) => key.slice(prefix.length).replace(/\/$/, '')));
    next = token === undefined ? null : { ContinuationToken: token };
  }
  return names;
}

/** 409 is a write of the same key at the same moment: S3 has decided nothing yet, so it is asked again. */
async function putConditionally(
  client: S3Client,
  id: string,
  input: PutObjectCommandInput,
  signal: AbortSignal | undefined,
): Promise<{ readonly etag: string } | 'lost-race'> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { ETag: etag } = await client.send(new PutObjectCommand(input), until(signal));
      if (etag === undefined) throw new Error('S3 answered without an ETag');
      return { etag };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === null) throw error;
      const etag = await etagIfWrittenBy(client, id, input, signal);
      if (etag !== null) return { etag };
      if (refusal === 'lost-race' || attempt === CONFLICT_ATTEMPTS) return 'lost-race';
      const pauseMs = CONFLICT_PAUSE_MS * attempt * (0.5 + Math.random());
      await sleep(pauseMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** `NoSuchKey`: the object that `If-Match` is about has been deleted. */
function refusalOf(error: unknown): 'lost-race' | 'conflict' | null {
  const name = nameOf(error);
  if (name === 'ConditionalRequestConflict') return 'conflict';
  return name === 'PreconditionFailed' || name === 'NoSuchKey' ? 'lost-race' : null;
}

async function etagIfWrittenBy(
  client: S3Client,
  id: string,
  { Bucket, Key }: Pick<PutObjectCommandInput, 'Bucket' | 'Key'>,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  try {
    const found = await client.send(new HeadObjectCommand({ Bucket, Key }), until(signal));
    return found.Metadata?.[WRITTEN_BY] === id ? (found.ETag ?? null) : null;
  } catch (error) {
    // A HEAD has no body and so no `NoSuchKey`.
    if (nameOf(error) === 'NotFound') return null;
    throw error;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function explained(operation: string, error: unknown): Error {
  const hint =
    nameOf(error) === 'AccessDenied' ? ' (without s3:ListBucket also for an object that is not there)' : '';
  return new Error(`${awsReason(operation, error)}${hint}`, { cause: error });
}

function contentTypeOf(key: string): string {
  return key.endsWith('.json') ? 'application/json' : 'text/plain; charset=utf-8';
}
