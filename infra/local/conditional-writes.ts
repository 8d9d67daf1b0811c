/**
 * Conditional writes for the S3 emulator, as AWS keeps them.
 *
 * fauxqs 2.4.1 ignores `If-Match` and `If-None-Match` on writes and overwrites (measured: 20 of 20 concurrent
 * creators "win"). Every write to an object passes through here, one at a time per object, and a condition is
 * compared with what is stored at that moment:
 *
 * | condition            | object missing    | object there                                |
 * | -------------------- | ----------------- | ------------------------------------------- |
 * | `If-None-Match: *`   | write             | 412 PreconditionFailed                      |
 * | `If-Match: ETAG`     | 404 NoSuchKey     | write if it is its ETag, otherwise 412      |
 * | `If-None-Match: tag` | 501 NotImplemented: S3 knows only `*` on writes         ||
 *
 * AWS may also answer 409 ConditionalRequestConflict when two writes meet; here the second one waits instead.
 */

import type { buildApp } from 'fauxqs';

type Emulator = ReturnType<typeof buildApp>;

/** Puts conditional writes in front of `app`; call before it listens. */
export function addConditionalWrites(app: Emulator): void {
  const turns = new Map<string, Promise<unknown>>();

  app.addHook('preHandler', async (request, reply) => {
    const url = new URL(request.url, 'http://emulator');
    if (!isObjectWrite(request.method, url)) return;

    // The body has been received: whoever waits here waits for a write, never for a slow sender.
    const answered = new Promise<void>((resolve) => reply.raw.once('close', resolve));
    await takeTurn(turns, decodeURIComponent(url.pathname), answered);
    if (reply.raw.destroyed) {
      // The sender has gone while it waited; its write would no longer be one at a time.
      reply.hijack();
      return reply;
    }

    const refusal = judge(
      { ifMatch: single(request.headers['if-match']), ifNoneMatch: single(request.headers['if-none-match']) },
      await storedEtag(app, url.pathname),
    );
    if (refusal === undefined) return;
    reply.code(refusal.status).header('content-type', 'application/xml').send(asXml(refusal, url.pathname));
    return reply;
  });
}

function isObjectWrite(method: string, url: URL): boolean {
  const [, bucket = '', ...key] = url.pathname.split('/');
  if (bucket === '' || key.join('/') === '') return false;
  if (method === 'PUT') return !url.searchParams.has('partNumber');
  return method === 'DELETE' || (method === 'POST' && url.searchParams.has('uploadId'));
}

/** Waits until every earlier write to `object` has been answered; the next one waits for `answered` too. */
async function takeTurn(
  turns: Map<string, Promise<unknown>>,
  object: string,
  answered: Promise<void>,
): Promise<void> {
  const before = turns.get(object);
  const turn = Promise.all([before, answered]).then(() => {
    if (turns.get(object) === turn) turns.delete(object);
  });
  turns.set(object, turn);
  await before;
}

/** The ETag without its quotes; null when there is no such object; undefined when there is no such bucket. */
async function storedEtag(app: Emulator, pathname: string): Promise<string | null | undefined> {
  const object = await app.inject({ method: 'HEAD', url: pathname });
  if (object.statusCode === 200) return unquoted(single(object.headers.etag?.toString()) ?? '');
  const bucket = await app.inject({ method: 'HEAD', url: `/${pathname.split('/')[1]}` });
  return bucket.statusCode === 200 ? null : undefined;
}

interface Refusal {
  readonly status: 404 | 412 | 501;
  readonly code: 'NoSuchKey' | 'PreconditionFailed' | 'NotImplemented';
  readonly message: string;
  readonly detail: string;
}

/** Undefined: go on; so also when there is no bucket, which the emulator itself refuses. */
function judge(
  {
    ifMatch,
    ifNoneMatch,
  }: { readonly ifMatch: string | undefined; readonly ifNoneMatch: string | undefined },
  stored: string | null | undefined,
): Refusal | undefined {
  if (stored === undefined) return undefined;
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    return {
      status: 501,
      code: 'NotImplemented',
      message: 'A header you provided implies functionality that is not implemented',
      detail: '<Header>If-None-Match</Header>',
    };
  }
  if (ifNoneMatch === '*' && stored !== null) return preconditionFailed('If-None-Match');
  if (ifMatch === undefined) return undefined;
  if (stored === null) {
    return { status: 404, code: 'NoSuchKey', message: 'The specified key does not exist.', detail: '' };
  }
  return ifMatch === '*' || unquoted(ifMatch) === stored ? undefined : preconditionFailed('If-Match');
}

function preconditionFailed(condition: 'If-Match' | 'If-None-Match'): Refusal {
  return {
    status: 412,
    code: 'PreconditionFailed',
    message: 'At least one of the pre-conditions you specified did not hold',
    detail: `<Condition>${condition}</Condition>`,
  };
}

/** `pathname` is percent-encoded, so nothing in it needs an XML escape but `&`. */
function asXml({ code, message, detail }: Refusal, pathname: string): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<Error><Code>${code}</Code><Message>${message}</Message>${detail}`,
    `<Resource>${pathname.replaceAll('&', '&amp;')}</Resource><RequestId>LOCAL</RequestId></Error>`,
  ].join('\n');
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

function unquoted(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}
