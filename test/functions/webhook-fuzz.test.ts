/**
 * Anything at all posted to the webhook is refused with a reason, or queued as something that the worker reads.
 * A share of it in every run; HITLESS_FUZZ_RUNS=100000 for all of it (a minute or two).
 */

import './silent.ts';
import { gzipSync } from 'node:zlib';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { groupsOf } from '../../functions/batch-groups.ts';
import { bearerCheck } from '../../functions/bearer.ts';
import { createWebhook } from '../../functions/webhook.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { readEndpoints } from '../../lib/consul/reading.ts';
import { parseIpAddress } from '../../lib/model/ip-address.ts';
import { deduplicationId, messageGroupId } from '../../lib/queue/message-ids.ts';
import { encodeMessage, type QueueMessage } from '../../lib/queue/messages.ts';
import { healthEntry } from './health-entry.ts';
import { httpEvent, TOKEN } from './http-event.ts';
import { lambdaContext } from './lambda-context.ts';
import { sqsRecord } from './sqs-record.ts';

const RUNS = Number(process.env.HITLESS_FUZZ_RUNS ?? 5_000);
/** What SQS takes as a body: the characters of XML 1.0. */
const SQS_TEXT = /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u;
/** And as a group or deduplication id. */
const SQS_ID = /^[!-~]{1,128}$/;
const LARGEST_MESSAGE_BYTES = 256 * 1024;

const backend = { server: 'websrv', slots: 10, weights: true };
const { fleets } = parseConfig(
  JSON.stringify({
    consul: { address: 'http://127.0.0.1:8500' },
    store: 's3://hitless/test',
    fleets: {
      edge: {
        instances: { lb1: 'tcp://127.0.0.1:1' },
        backends: {
          be: { service: 'my-cluster', ...backend },
          odd: { service: 'constructor', ...backend, tags: ['web'] },
        },
      },
      inner: {
        instances: { lb2: 'tcp://127.0.0.1:2' },
        backends: { be: { service: 'my-cluster', ...backend } },
      },
    },
  }),
  { file: 'hitless.yml', folder: '/', readTemplate: () => '' },
);
const names = new Set(fleets.map(({ name }) => name));

const sent: QueueMessage[] = [];
const check = bearerCheck([TOKEN]);
const webhook = createWebhook(async () => ({
  fleets,
  isAuthorized: async (authorization) => check(authorization),
  now: () => 1_000,
  queue: {
    async send(messages) {
      sent.push(...messages);
      return messages.map((message) => ({
        message,
        messageId: 'id',
        deduplicationId: deduplicationId(message),
      }));
    },
  },
}));

/** Text that somebody chose to be awkward, and any other. */
const awkward = fc.oneof(
  fc.constantFrom(
    '',
    '__proto__',
    'constructor',
    '\0',
    '\ufeff',
    '\ud800',
    '\uffff',
    '::1:8082',
    '10.0.0.1\n',
    '*',
  ),
  fc.constantFrom(
    '10.0.0.1; shutdown',
    '0.0.0.0',
    '255.255.255.255',
    '127.1',
    '2001:DB8::1',
    'fe80::1%eth0',
    '<<',
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.ipV4(),
  fc.ipV6(),
);
const awkwardNumber = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, -0, 80, 65_535, 65_536, 1e308, 0.5),
);
const anything = fc.oneof({ depthSize: 'small' }, fc.jsonValue(), awkward, awkwardNumber, fc.constant(null));

const entry = fc.record(
  {
    Node: fc.oneof(fc.record({ Address: fc.oneof(awkward, anything) }, { requiredKeys: [] }), anything),
    Service: fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record(
          {
            Address: fc.oneof({ weight: 9, arbitrary: awkward }, anything),
            Port: fc.oneof({ weight: 9, arbitrary: awkwardNumber }, anything),
            Tags: fc.oneof({ weight: 9, arbitrary: fc.array(awkward, { maxLength: 3 }) }, anything),
            Weights: fc.oneof(fc.record({ Passing: awkwardNumber, Warning: awkwardNumber }), anything),
            Meta: anything,
          },
          { requiredKeys: ['Port'] },
        ),
      },
      { weight: 1, arbitrary: anything },
    ),
    Checks: fc.oneof(
      fc.array(
        fc.record({ CheckID: awkward, Status: fc.oneof(fc.constantFrom('passing', 'warning'), awkward) }),
      ),
      anything,
    ),
  },
  { requiredKeys: ['Node', 'Service'] },
);
const plausible = fc.record({
  Node: fc.record({ Address: awkward }),
  Service: fc.record({
    Address: awkward,
    Port: awkwardNumber,
    Tags: fc.array(awkward, { maxLength: 3 }),
    Weights: fc.record({ Passing: awkwardNumber, Warning: awkwardNumber }),
  }),
  Checks: fc.array(
    fc.record({ CheckID: awkward, Status: fc.constantFrom('passing', 'warning', 'critical', '?') }),
  ),
});

const json = fc.oneof(
  fc.array(plausible, { maxLength: 5 }).map((value) => JSON.stringify(value)),
  fc.array(entry, { maxLength: 5 }).map((value) => JSON.stringify(value)),
  fc.json(),
  fc.integer({ min: 1, max: 3_000 }).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc
    .array(fc.ipV4(), { minLength: 1, maxLength: 3 })
    .map((all) => JSON.stringify(all.map((at) => healthEntry(at)))),
  fc.constant('{"__proto__":{"polluted":true}}'),
  fc.constant(`[{"__proto__":{"polluted":1},"Node":{},"Service":{"Port":1,"__proto__":{"polluted":1}}}]`),
);

/** Bytes of a request's body, from what a watch sends to noise. */
const bytes = fc.oneof(
  { weight: 6, arbitrary: json.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: json.map((text) => gzipSync(text, { level: 1 })) },
  { weight: 1, arbitrary: json.map((text) => Buffer.from(text, 'utf16le')) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((noise) => Buffer.from(noise)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(json, fc.nat(), fc.uint8Array({ maxLength: 3 }))
      .map(([text, at, noise]) => spoiled(Buffer.from(text), at, noise)),
  },
);

function spoiled(body: Buffer, at: number, noise: Uint8Array): Buffer {
  const cut = at % (body.length + 1);
  return Buffer.concat([body.subarray(0, cut), noise, body.subarray(cut + (at % 2))]);
}

const event = fc
  .record({
    bytes,
    encoding: fc.constantFrom('text', 'base64', 'lied about', 'broken base64', 'none'),
    service: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('my-cluster', 'constructor') },
      { weight: 1, arbitrary: awkward },
    ),
    authorization: fc.oneof(
      { weight: 8, arbitrary: fc.constant(`Bearer ${TOKEN}`) },
      { weight: 1, arbitrary: awkward },
      {
        weight: 1,
        arbitrary: fc.constantFrom(TOKEN, `Bearer  ${TOKEN}x`, `Bearer ${TOKEN},${TOKEN}`, 'Bearer'),
      },
    ),
    headers: fc.dictionary(awkward, awkward, { maxKeys: 3 }),
    index: fc.oneof(
      fc.constantFrom('1', '14626308409737068583', '-1', '1e3', 'NaN'),
      awkward,
      fc.constant(undefined),
    ),
    parameters: fc.constantFrom('given', 'given', 'given', 'absent'),
  })
  .map((one): APIGatewayProxyEventV2 => {
    const { body, ...complete } = httpEvent({ service: one.service, authorization: null, index: null });
    const { pathParameters: _, ...rest } = complete;
    return {
      ...(one.parameters === 'given' ? complete : rest),
      ...bodyOf(one.bytes, one.encoding),
      headers: {
        ...one.headers,
        authorization: one.authorization,
        ...(one.index !== undefined && { 'X-Consul-Index': one.index }),
      },
    };
  });

function bodyOf(body: Buffer, encoding: string): Pick<APIGatewayProxyEventV2, 'body' | 'isBase64Encoded'> {
  if (encoding === 'none') return { isBase64Encoded: false };
  if (encoding === 'text') return { body: body.toString('utf8'), isBase64Encoded: false };
  if (encoding === 'lied about') return { body: body.toString('latin1'), isBase64Encoded: true };
  const text = body.toString('base64');
  return { body: encoding === 'base64' ? text : `%${text.slice(1)}=\u20ac`, isBase64Encoded: true };
}

/** What a person may write in hitless.yml ends where the worker begins: every message is read there. */
function expectReadable(message: QueueMessage): void {
  const body = encodeMessage(message);
  expect(body).toMatch(SQS_TEXT);
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(LARGEST_MESSAGE_BYTES);
  expect(messageGroupId(message)).toMatch(SQS_ID);
  expect(deduplicationId(message)).toMatch(SQS_ID);
  const [group] = groupsOf([sqsRecord({ body })], names);
  expect(group?.bad).toBeNull();
  const [work] = group?.work ?? [];
  if (work?.kind !== 'pass') throw new Error('an event is a pass');
  for (const entries of work.entries.values()) {
    for (const policy of fleets.flatMap(({ backends }) => backends)) {
      for (const { address, port, weight } of readEndpoints(entries, policy).endpoints) {
        expect(parseIpAddress(address)).toBe(address);
        expect(Number.isInteger(port) && port >= 1 && port <= 65_535).toBe(true);
        expect(Number.isInteger(weight) && weight >= 0 && weight <= 256).toBe(true);
      }
    }
  }
}

test(
  `whatever is posted is refused with a reason, or queued so that the worker can read it (${RUNS} requests)`,
  async () => {
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(event, async (posted) => {
        sent.length = 0;
        const { statusCode = 0, body = '' } = await webhook(posted, lambdaContext());
        seen.set(statusCode, (seen.get(statusCode) ?? 0) + 1);
        expect([202, 401, 404, 413, 422]).toContain(statusCode);
        expect(body).not.toContain(TOKEN);
        const answer = JSON.parse(body);
        const authorized = check(posted.headers.authorization);
        expect(statusCode === 401).toBe(!authorized);
        if (statusCode !== 202) {
          expect(sent).toEqual([]);
          expect(answer).toEqual({ error: { code: expect.any(String), message: expect.any(String) } });
          return;
        }
        const wanted = posted.pathParameters?.service === 'my-cluster' ? ['edge', 'inner'] : ['edge'];
        expect(sent.map(({ fleet }) => fleet)).toEqual(wanted);
        sent.forEach(expectReadable);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 20 * 60_000, markInterruptAsFailure: true },
    );
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    for (const status of [202, 401, 404, 422]) expect(seen.get(status)).toBeGreaterThan(RUNS / 100);
  },
  21 * 60_000,
);
