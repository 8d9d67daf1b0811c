/** The errors are those that the SDK throws (@aws-sdk 3.1169), as recorded from it with infra/local/faulty-proxy.ts. */

import { expect, test } from 'vitest';
import { awsReason } from '../../lib/aws/reason.ts';

const HINT =
  '\n  Deserialization error: to see the raw response, inspect the hidden field {error}.$response on this object.';

test.each([
  {
    what: 'a refusal of AWS',
    error: {
      name: 'SlowDown',
      message: 'Please reduce your request rate.',
      $fault: 'server',
      $metadata: { httpStatusCode: 503, attempts: 9 },
    },
    reason: '503 SlowDown: Please reduce your request rate. (GetObject, 9 attempts)',
  },
  {
    what: 'a status alone',
    error: {
      name: 'Unknown',
      message: 'UnknownError',
      $fault: 'server',
      $metadata: { httpStatusCode: 503, attempts: 1 },
    },
    reason: '503 Service Unavailable (GetObject)',
  },
  {
    what: 'a refusal without words',
    error: {
      name: 'NotFound',
      message: 'UnknownError',
      $fault: 'client',
      $metadata: { httpStatusCode: 404 },
    },
    reason: '404 NotFound (GetObject)',
  },
  {
    what: 'a page of HTML where SQS answers in JSON',
    error: {
      name: 'SyntaxError',
      message: `Unexpected token '<', "<html><bod"... is not valid JSON${HINT}`,
      $metadata: { httpStatusCode: 502, attempts: 2 },
    },
    reason: '502 Bad Gateway (GetObject, 2 attempts)',
  },
  {
    what: 'HTML with a status of success',
    error: {
      name: 'SyntaxError',
      message: `Unexpected token '<'${HINT}`,
      $metadata: { httpStatusCode: 200 },
    },
    reason: "200 with a body that is not AWS's (GetObject)",
  },
  {
    what: 'an answer that breaks off',
    error: {
      name: 'Error',
      message: `aborted${HINT}`,
      code: 'ECONNRESET',
      $metadata: { httpStatusCode: 200 },
    },
    reason: '200, but its body was cut off: ECONNRESET (GetObject)',
  },
  {
    what: 'a connection that was reset, which the SDK calls a TimeoutError',
    error: {
      name: 'TimeoutError',
      message: 'socket hang up',
      code: 'ECONNRESET',
      $metadata: { attempts: 3 },
    },
    reason: 'socket hang up (ECONNRESET) (GetObject, 3 attempts)',
  },
  {
    what: 'nobody there',
    error: { name: 'TimeoutError', message: 'connect ECONNREFUSED 127.0.0.1:1', code: 'ECONNREFUSED' },
    reason: 'connect ECONNREFUSED 127.0.0.1:1 (GetObject)',
  },
  {
    what: 'no answer in time',
    error: {
      name: 'TimeoutError',
      message:
        '@smithy/node-http-handler - the request socket timed out after 2000 ms of inactivity (configured by client requestHandler).',
      $metadata: { attempts: 3 },
    },
    reason:
      'TimeoutError: the request socket timed out after 2000 ms of inactivity (configured by client requestHandler). (GetObject, 3 attempts)',
  },
  { what: 'anything else', error: { name: 'Error', message: 'no cheese' }, reason: 'no cheese (GetObject)' },
])('$what: $reason', ({ error, reason }) => {
  expect(awsReason('GetObject', Object.assign(new Error(error.message), error))).toBe(reason);
});

test('what is no error is told as it is', () => {
  expect(awsReason('GetObject', 'no')).toBe('no (GetObject)');
});
