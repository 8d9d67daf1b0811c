import { describe, expect, test } from 'vitest';
import { failedRecords, queueArn } from '../../../../infra/local/lambda/sqs-event.ts';

const sent = new Set(['m1', 'm2', 'm3']);

describe('a batch response', () => {
  test.each([
    { what: 'nothing', payload: null },
    { what: 'an empty object', payload: {} },
    { what: 'no list', payload: { batchItemFailures: null } },
    { what: 'an empty list', payload: { batchItemFailures: [] } },
  ])('with $what: every record succeeded', ({ payload }) => {
    expect(failedRecords(payload, sent)).toEqual(new Set());
  });

  test('names the records that failed', () => {
    const payload = { batchItemFailures: [{ itemIdentifier: 'm2' }, { itemIdentifier: 'm3' }] };
    expect(failedRecords(payload, sent)).toEqual(new Set(['m2', 'm3']));
  });

  test.each([
    { what: 'an empty id', payload: { batchItemFailures: [{ itemIdentifier: '' }] } },
    { what: 'no id', payload: { batchItemFailures: [{ itemIdentifier: null }] } },
    { what: 'another key', payload: { batchItemFailures: [{ itemId: 'm1' }] } },
    { what: 'an id of another batch', payload: { batchItemFailures: [{ itemIdentifier: 'm4' }] } },
    { what: 'an item that is nothing', payload: { batchItemFailures: [null] } },
    { what: 'a list that is none', payload: { batchItemFailures: 'm1' } },
    { what: 'text', payload: 'ok' },
  ])('with $what fails the whole batch', ({ payload }) => {
    expect(failedRecords(payload, sent)).toBe('invalid');
  });
});

test('the ARN of a queue comes from its URL', () => {
  expect(queueArn('http://sqs.us-east-1.127.0.0.1:4100/000000000000/changes.fifo')).toBe(
    'arn:aws:sqs:us-east-1:000000000000:changes.fifo',
  );
});
