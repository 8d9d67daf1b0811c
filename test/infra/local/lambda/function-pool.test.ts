import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { REQUEST_LIMIT_BYTES, RESPONSE_LIMIT_BYTES } from '../../../../infra/local/lambda/invocation.ts';
import { startFunction } from './start-function.ts';

/** The size of `{"do":"…"}` when its text has `length` characters. */
const AROUND_TEXT = JSON.stringify({ do: '' }).length;

describe('an invocation', () => {
  test('gets the event, its own environment and a Lambda context', async () => {
    const echo = startFunction('echo', {
      environment: { GREETING: 'hello' },
      timeoutMs: 20_000,
      memoryMb: 200,
    });
    expect(await echo.invoke({ a: [1, null] })).toMatchObject({
      outcome: 'answered',
      payload: {
        event: { a: [1, null] },
        environment: { GREETING: 'hello', AWS_LAMBDA_FUNCTION_NAME: 'test-echo', AWS_REGION: 'us-east-1' },
        context: {
          awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          functionName: 'test-echo',
          functionVersion: '$LATEST',
          memoryLimitInMB: '200',
          invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:test-echo',
          logGroupName: '/aws/lambda/test-echo',
        },
        remainingMs: expect.toSatisfy((ms: number) => ms > 0 && ms <= 20_000),
      },
    });
  });

  test('inherits nothing from the environment of the host', async () => {
    vi.stubEnv('SECRET_OF_THE_HOST', 'x');
    const echo = startFunction('echo');
    const result = await echo.invoke({});
    vi.unstubAllEnvs();
    expect(result).toMatchObject({ outcome: 'answered' });
    expect(result).not.toHaveProperty('payload.environment.SECRET_OF_THE_HOST');
  });

  test('answers null when the handler returns nothing', async () => {
    const { invoke } = startFunction('misbehaves');
    expect(await invoke({ do: 'nothing' })).toEqual({ outcome: 'answered', payload: null });
  });

  test.each([
    { what: 'an error', does: 'throw', errorType: 'OutOfCheese', errorMessage: 'no cheese left' },
    { what: 'a string', does: 'throw a string', errorType: 'string', errorMessage: 'just a string' },
  ])('that throws $what fails and keeps its sandbox', async ({ does, errorType, errorMessage }) => {
    const misbehaves = startFunction('misbehaves');
    expect(await misbehaves.invoke({ do: does })).toMatchObject({
      outcome: 'failed',
      error: { errorType, errorMessage },
    });
    expect(misbehaves.size).toBe(1);
  });

  test('carries the stack of a thrown error', async () => {
    const result = await startFunction('misbehaves').invoke({ do: 'throw' });
    expect(result).toHaveProperty('error.trace.1', expect.stringContaining('misbehaves.ts'));
  });
});

describe('a sandbox that has answered', () => {
  test('stands still until the next event: what its handler left behind does not go on', async () => {
    const { invoke, lines } = startFunction('misbehaves');
    await invoke({ do: 'leave work behind' });
    await sleep(100);
    expect(lines.filter(({ stream }) => stream === 'stdout')).toEqual([]);
    expect(await invoke({ do: 'count' })).toMatchObject({ payload: expect.toSatisfy((n) => n <= 1) });
  });

  test('goes on with it during the next one', async () => {
    const { invoke } = startFunction('misbehaves');
    await invoke({ do: 'leave work behind' });
    await invoke({ do: 'wait', ms: 50 });
    expect(await invoke({ do: 'count' })).toMatchObject({ payload: expect.toSatisfy((n) => n >= 2) });
  });

  test('has written all its lines', async () => {
    const { invoke, lines } = startFunction('misbehaves');
    await invoke({ do: 'print' });
    await vi.waitFor(() => expect(lines.map(({ line }) => line)).toContain('second line'));
  });

  test('is ended like any other', async () => {
    const frozen = startFunction('misbehaves');
    await frozen.invoke({ do: 'leave work behind' });
    await frozen.stop();
    expect(frozen.size).toBe(0);
  });
});

describe('a sandbox that goes wrong is replaced by a cold one', () => {
  test.each([
    {
      what: 'waits too long',
      does: 'hang',
      errorType: 'Sandbox.Timedout',
      message: 'Task timed out after 0.30 seconds',
    },
    {
      what: 'never yields',
      does: 'spin',
      errorType: 'Sandbox.Timedout',
      message: 'Task timed out after 0.30 seconds',
    },
    { what: 'exits', does: 'exit', errorType: 'Runtime.ExitError', message: 'exit status 3' },
    {
      what: 'throws outside of the handler',
      does: 'crash later',
      errorType: 'Runtime.ExitError',
      message: 'OutOfCheese',
    },
  ])('when it $what', async ({ does, errorType, message }) => {
    const misbehaves = startFunction('misbehaves', { timeoutMs: 300 });
    await misbehaves.invoke({ do: 'nothing' });
    expect(await misbehaves.invoke({ do: does })).toMatchObject({
      outcome: 'failed',
      error: { errorType, errorMessage: expect.stringContaining(message) },
    });
    expect(misbehaves.size).toBe(0);
    expect(await misbehaves.invoke({ do: 'nothing' })).toEqual({ outcome: 'answered', payload: null });
  });

  test('when it eats more memory than it has', async () => {
    const misbehaves = startFunction('misbehaves', { memoryMb: 32 });
    expect(await misbehaves.invoke({ do: 'eat memory' })).toMatchObject({
      outcome: 'failed',
      error: { errorType: 'Runtime.ExitError', errorMessage: expect.stringContaining('out of memory') },
    });
    expect(await misbehaves.invoke({ do: 'nothing' })).toMatchObject({ outcome: 'answered' });
  });

  test('when its module does not load', async () => {
    const broken = startFunction('does-not-load');
    const failure = {
      outcome: 'failed',
      error: { errorType: 'TypeError', errorMessage: 'cannot be loaded' },
    };
    expect(await broken.invoke({})).toMatchObject(failure);
    expect(await broken.invoke({})).toMatchObject(failure);
  });

  test('when its module has no such handler', async () => {
    const result = await startFunction('echo', { handler: 'handle' }).invoke({});
    expect(result).toMatchObject({ outcome: 'failed', error: { errorType: 'Runtime.HandlerNotFound' } });
  });
});

describe('the payload limits', () => {
  test('let a request of exactly 6,291,456 bytes through and refuse one byte more', async () => {
    const { invoke } = startFunction('misbehaves');
    const largest = REQUEST_LIMIT_BYTES - AROUND_TEXT;
    expect(await invoke({ do: 'x'.repeat(largest) })).toEqual({ outcome: 'answered', payload: 'fine' });
    expect(await invoke({ do: 'x'.repeat(largest + 1) })).toMatchObject({
      outcome: 'refused',
      error: { errorType: 'RequestEntityTooLargeException' },
    });
  });

  test('count the bytes of a request, not its characters', async () => {
    const { invoke } = startFunction('misbehaves');
    expect(await invoke({ do: 'ü'.repeat(REQUEST_LIMIT_BYTES / 2) })).toMatchObject({ outcome: 'refused' });
  });

  test('fail an answer that is too large, and keep the sandbox', async () => {
    const misbehaves = startFunction('misbehaves');
    const largest = RESPONSE_LIMIT_BYTES - 2;
    expect(await misbehaves.invoke({ do: 'answer', bytes: largest })).toMatchObject({ outcome: 'answered' });
    expect(await misbehaves.invoke({ do: 'answer', bytes: largest + 1 })).toMatchObject({
      outcome: 'failed',
      error: { errorType: 'Function.ResponseSizeTooLarge' },
    });
    expect(misbehaves.size).toBe(1);
  });
});

describe('the pool', () => {
  test('serves one event after the other in one warm sandbox', async () => {
    const echo = startFunction('echo', { concurrency: 3 });
    const first = await echo.invoke({});
    const second = await echo.invoke({});
    expect([first, second]).toMatchObject([{ payload: { invocations: 1 } }, { payload: { invocations: 2 } }]);
    expect(echo.size).toBe(1);
  });

  test('gives each of several events at once a sandbox of its own, up to the limit', async () => {
    const waits = startFunction('misbehaves', { concurrency: 2 });
    const results = await Promise.all([1, 2, 3, 4].map(() => waits.invoke({ do: 'wait', ms: 20 })));
    expect(results).toEqual(Array(4).fill({ outcome: 'answered', payload: 'waited' }));
    expect(waits.size).toBe(2);
  });

  test('starts sandboxes ahead of their events', async () => {
    const echo = startFunction('echo', { concurrency: 2 });
    echo.warm(5);
    expect(echo.size).toBe(2);
    expect(await echo.invoke({})).toMatchObject({ outcome: 'answered' });
  });

  test('fails what runs and what waits when it is stopped', async () => {
    const hangs = startFunction('misbehaves');
    const running = hangs.invoke({ do: 'hang' });
    const waiting = hangs.invoke({ do: 'nothing' });
    await hangs.stop();
    expect(await running).toMatchObject({ outcome: 'failed' });
    expect(await waiting).toMatchObject({ outcome: 'refused' });
    expect(await hangs.invoke({ do: 'nothing' })).toMatchObject({ outcome: 'refused' });
    expect(hangs.size).toBe(0);
  });

  test('passes on what the function writes, line by line, and reports each invocation', async () => {
    const prints = startFunction('misbehaves');
    await prints.invoke({ do: 'print' });
    const functionName = 'test-misbehaves';
    await vi.waitFor(() => {
      expect(prints.lines).toEqual(
        expect.arrayContaining([
          { functionName, stream: 'stdout', line: 'to stdout' },
          { functionName, stream: 'stdout', line: 'second line' },
          { functionName, stream: 'stderr', line: 'to stderr' },
          { functionName, stream: 'host', line: expect.stringMatching(/^REPORT Duration: [\d.]+ ms$/) },
        ]),
      );
    });
  });
});
