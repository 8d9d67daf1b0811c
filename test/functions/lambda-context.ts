/** What Lambda tells a function about its invocation. */

import type { Context } from 'aws-lambda';

/** @param remainingMs until the function's timeout, from now. */
export function lambdaContext(remainingMs = 30_000): Context {
  const deadlineMs = Date.now() + remainingMs;
  return {
    awsRequestId: 'request',
    callbackWaitsForEmptyEventLoop: true,
    functionName: 'test',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:test',
    logGroupName: '/aws/lambda/test',
    logStreamName: 'test',
    memoryLimitInMB: '256',
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}
