/** What AWS, or the way to it, said about a request that failed, for people. */

import { STATUS_CODES } from 'node:http';

/**
 * `503 SlowDown: Please reduce your request rate (GetObject, 9 attempts)`: the status, AWS's name for it and its words;
 * without an answer of AWS what went wrong on the way.
 *
 * An answer that is not AWS's (a page of HTML from something in between) is told by its status, and not by where the
 * SDK's parser gave up: the SDK's message of such a 503 is `Unexpected token '<'`.
 *
 * @param operation in AWS's words.
 */
export function awsReason(operation: string, error: unknown): string {
  if (!(error instanceof Error)) return `${String(error)} (${operation})`;
  const { status, attempts } = metadataOf(error);
  const times = attempts === undefined || attempts === 1 ? '' : `, ${attempts} attempts`;
  return `${wordsOf(error, status)} (${operation}${times})`;
}

function wordsOf(error: Error, status: number | undefined): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  if (status !== undefined && isOfAws(error)) return `${status} ${saidBy(error)}`;
  if (status === undefined) return code === null ? saidBy(error) : withCode(error.message, code);
  if (code !== null) return `${status}, but its body was cut off: ${code}`;
  return status < 400 ? `${status} with a body that is not AWS's` : `${status} ${STATUS_CODES[status] ?? ''}`;
}

/** AWS's own refusals have a name; an answer without one comes as `Unknown`. */
function isOfAws(error: Error): boolean {
  return '$fault' in error && error.name !== 'Unknown' && error.name !== 'UnknownError';
}

function saidBy({ name, message }: Error): string {
  const words = message === 'UnknownError' ? '' : message.replace(/^@smithy\/node-http-handler - /, '');
  return [name === 'Error' ? '' : name, words].filter((part) => part !== '').join(': ');
}

/** The SDK calls a connection that was reset a `TimeoutError`: its code says what happened. */
function withCode(message: string, code: string): string {
  return message.includes(code) ? message : `${message} (${code})`;
}

/** What the SDK hangs on the errors that it throws. */
function metadataOf(error: Error): { readonly status?: number; readonly attempts?: number } {
  const found = '$metadata' in error ? error.$metadata : null;
  if (typeof found !== 'object' || found === null) return {};
  const { httpStatusCode: status, attempts } = found as { httpStatusCode?: unknown; attempts?: unknown };
  return {
    ...(typeof status === 'number' && { status }),
    ...(typeof attempts === 'number' && { attempts }),
  };
}
