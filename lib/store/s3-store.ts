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
import { type ObjectStore, StoreFailed } from './object-store.ts';

export interface S3Location {
  readonly bucket: string;
  /** Before every key, with or without a slash at its end; empty: none. */
  readonly prefix: string;
}

/** User metadata (`x-amz-meta-…`) that says which call wrote an object. */
const WRITTEN_BY = 'hitless-write';
const CONFLICT_ATTEMPTS = 4;
const CONFLICT_PAUSE_MS = 50;

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
  const failed = (operation: 'get' | 'put', key: string, error: unknown) =>
    new StoreFailed(operation, `s3://${bucket}/${start}${key}`, explained(error));

  return {
    async get(key) {
      try {
        const found = await client.send(new GetObjectCommand(place(key)));
        if (found.ETag === undefined || found.Body === undefined)
          throw new Error('S3 answered without an ETag');
        return { body: await found.Body.transformToString(), etag: found.ETag };
      } catch (error) {
        if (nameOf(error) === 'NoSuchKey') return null;
        throw failed('get', key, error);
      }
    },

    async put(key, body) {
      try {
        await client.send(
          new PutObjectCommand({ ...place(key), Body: Buffer.from(body), ContentType: contentTypeOf(key) }),
        );
      } catch (error) {
        throw failed('put', key, error);
      }
    },

    async list(folder) {
      try {
        return await namesBelow(client, bucket, `${start}${folder}/`);
      } catch (error) {
        throw failed('get', folder, error);
      }
    },

    async putIf(key, body, expected) {
      const id = randomUUID();
      const condition = expected === null ? { IfNoneMatch: '*' } : { IfMatch: expected };
      try {
        return await putConditionally(client, id, {
          ...place(key),
          ...condition,
          Body: Buffer.from(body),
          ContentType: contentTypeOf(key),
          Metadata: { [WRITTEN_BY]: id },
        });
      } catch (error) {
        throw failed('put', key, error);
      }
    },
  };
}

/** A thousand in one answer. */
async function namesBelow(client: S3Client, bucket: string, prefix: string): Promise<readonly string[]> {
  const names: string[] = [];
  let next: { ContinuationToken?: string } | null = {};
  while (next !== null) {
    const asked = { Bucket: bucket, Prefix: prefix, Delimiter: '/', ...next };
    const answer: ListObjectsV2CommandOutput = await client.send(new ListObjectsV2Command(asked));
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
): Promise<{ readonly etag: string } | 'lost-race'> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { ETag: etag } = await client.send(new PutObjectCommand(input));
      if (etag === undefined) throw new Error('S3 answered without an ETag');
      return { etag };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === null) throw error;
      const etag = await etagIfWrittenBy(client, id, input);
      if (etag !== null) return { etag };
      if (refusal === 'lost-race' || attempt === CONFLICT_ATTEMPTS) return 'lost-race';
      await sleep(CONFLICT_PAUSE_MS * attempt * (0.5 + Math.random()));
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
): Promise<string | null> {
  try {
    const found = await client.send(new HeadObjectCommand({ Bucket, Key }));
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

/** The SDK's message alone is at times `UnknownError` or nothing; the name says more. */
function explained(error: unknown): unknown {
  if (!(error instanceof Error) || error.name === 'Error') return error;
  const hint =
    error.name === 'AccessDenied' ? ' (without s3:ListBucket also for an object that is not there)' : '';
  return new Error(`${error.name}: ${error.message}${hint}`, { cause: error });
}

function contentTypeOf(key: string): string {
  return key.endsWith('.json') ? 'application/json' : 'text/plain; charset=utf-8';
}
