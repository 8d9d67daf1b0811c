import { describe, expect, test } from 'vitest';
import type { FunctionLogLine } from '../../../../infra/local/lambda/invocation.ts';
import { readEvent } from '../../../../infra/local/system/events.ts';

function line(document: object | string, differs: Partial<FunctionLogLine> = {}): FunctionLogLine {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  return { functionName: 'worker', stream: 'stdout', line: text, ...differs };
}

const timestamp = '2026-01-02T03:04:05.678Z';

describe('what a function logs', () => {
  test('an event has its facts, its time and its source', () => {
    const applied = { fleet: 'edge', instance: 'lb1', generation: 7, commands: 4, ms: 31 };
    const logged = {
      level: 'INFO',
      message: 'instance_applied',
      timestamp,
      service: 'hitless-worker',
      ...applied,
    };
    expect(readEvent(line(logged))).toEqual({
      event: 'instance_applied',
      source: 'worker',
      level: 'info',
      atMs: Date.parse(timestamp),
      ...applied,
    });
  });

  test('an event that nobody here looks at is told with its own facts', () => {
    const logged = { level: 'ERROR', message: 'failed', timestamp, service: 'hitless-worker', error: 'no' };
    expect(readEvent(line(logged))).toMatchObject({
      event: 'other',
      level: 'error',
      text: 'failed error="no"',
    });
  });

  test('a known name with other facts is not taken for it', () => {
    const logged = { level: 'INFO', message: 'instance_applied', timestamp, instance: 7 };
    expect(readEvent(line(logged))).toMatchObject({ event: 'other' });
  });

  const quiet = [
    { what: 'metrics', logged: line({ _aws: { Timestamp: 1 }, Commands: 3 }) },
    { what: 'an empty line', logged: line('') },
    {
      what: 'the report of an invocation that went well',
      logged: line('REPORT Duration: 3.4 ms', { stream: 'host' }),
    },
  ];
  test.each(quiet)('nothing is made of $what', ({ logged }) => {
    expect(readEvent(logged)).toBeUndefined();
  });

  const loud = [
    { what: 'a stack trace', text: '    at somewhere.ts:3:4', stream: 'stderr' },
    { what: 'half a document', text: '{"level":"INFO"', stream: 'stdout' },
    {
      what: 'the report of a timeout',
      text: 'REPORT Duration: 30000.0 ms failed: Sandbox.Timedout: …',
      stream: 'host',
    },
  ] as const;
  test.each(loud)('$what is a warning, word for word', ({ text, stream }) => {
    expect(readEvent(line(text, { stream }))).toMatchObject({ event: 'other', level: 'warn', text });
  });
});
