/**
 * An HTTP server that stands in for S3 and for the metadata service of an EC2 instance. It computes every signature
 * itself, as AWS documents Signature Version 4, and answers 403 to one that differs.
 */

import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken: string;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly status: number;
}

export interface StandIn {
  readonly endpoint: string;
  /** Path to content. An ETag is the digest of the content, in quotes. */
  readonly objects: Map<string, string>;
  /** Each is called once, before the next answer. */
  readonly beforeAnswers: (() => void)[];
  /** The role's; null: the instance has no role. */
  role: Credentials | null;
  readonly seen: SeenRequest[];
  stop(): Promise<void>;
}

export async function startStandIn(credentials: Credentials, region: string): Promise<StandIn> {
  const standIn: Omit<StandIn, 'endpoint' | 'stop'> = {
    objects: new Map(),
    beforeAnswers: [],
    role: null,
    seen: [],
  };
  const server = createServer((request, response) => {
    standIn.beforeAnswers.shift()?.();
    if (request.url?.startsWith('/latest/')) answerMetadata(request, response, standIn.role, region);
    else answerObject(request, response, standIn.objects, standIn.role ?? credentials, region);
    const { method = '', url = '', headers } = request;
    standIn.seen.push({ method, path: url, headers, status: response.statusCode });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return Object.assign(standIn, {
    endpoint: `http://127.0.0.1:${address.port}`,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  });
}

function answerObject(
  request: IncomingMessage,
  response: ServerResponse,
  objects: ReadonlyMap<string, string>,
  credentials: Credentials,
  region: string,
): void {
  const problem = whyNotSigned(request, credentials, region);
  const content = objects.get(request.url ?? '');
  const etag = `"${sha256(content ?? '')}"`;
  if (problem !== undefined) {
    response.statusCode = 403;
    response.end(`<Error><Code>SignatureDoesNotMatch</Code><Message>${problem}</Message></Error>`);
  } else if (content === undefined) {
    response.statusCode = 404;
    response.end('<Error><Code>NoSuchKey</Code></Error>');
  } else if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, { etag }).end();
  } else {
    response.setHeader('ETag', etag);
    response.end(content);
  }
}

function whyNotSigned(
  request: IncomingMessage,
  credentials: Credentials,
  region: string,
): string | undefined {
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  const [, key, day = '', signedRegion, signedHeaders = '', signature] = match ?? [];
  if (key !== credentials.accessKey || signedRegion !== region) return 'not signed as expected';
  const names = signedHeaders.split(';');
  const mustBeSigned = Object.keys(request.headers).filter(
    (name) => name === 'host' || name.startsWith('x-amz-'),
  );
  const unsigned = mustBeSigned.filter((name) => !names.includes(name));
  if (request.headers['x-amz-content-sha256'] !== sha256('')) return 'no digest of the body';
  if (unsigned.length > 0) return `not signed: ${unsigned.join(', ')}`;
  if ((request.headers['x-amz-security-token'] ?? '') !== credentials.sessionToken) return 'not that session';
  const canonical = [
    request.method,
    request.url,
    '',
    ...names.map((name) => `${name}:${String(request.headers[name]).trim()}`),
    '',
    signedHeaders,
    request.headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const signingKey = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretKey}`,
  );
  const expected = createHmac('sha256', signingKey).update(toSign).digest('hex');
  return signature === expected ? undefined : 'the signature is another one';
}

/** IMDSv2: no answer without the token of a PUT. */
function answerMetadata(
  request: IncomingMessage,
  response: ServerResponse,
  role: Credentials | null,
  region: string,
): void {
  const answers = new Map([
    ['/latest/meta-data/placement/region', region],
    ['/latest/meta-data/iam/security-credentials/', role === null ? '' : 'lb-role'],
    [
      '/latest/meta-data/iam/security-credentials/lb-role',
      JSON.stringify(
        {
          Code: 'Success',
          AccessKeyId: role?.accessKey,
          SecretAccessKey: role?.secretKey,
          Token: role?.sessionToken,
        },
        null,
        2,
      ),
    ],
  ]);
  if (request.method === 'PUT' && request.url === '/latest/api/token') {
    response.end(request.headers['x-aws-ec2-metadata-token-ttl-seconds'] === undefined ? '' : 'imds-token');
    return;
  }
  const answer = answers.get(request.url ?? '');
  if (request.headers['x-aws-ec2-metadata-token'] !== 'imds-token') response.statusCode = 401;
  else if (answer === undefined || answer === '') response.statusCode = 404;
  response.end(response.statusCode === 200 ? answer : '');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
