/**
 * The first words with whatever listens at an address: `prompt`, which a Runtime API answers with a newline and
 * `> `, and nothing else. Nothing that changes anything is sent before that answer is in.
 */

import type { Duplex } from 'node:stream';
import { printable } from '../model/printable.ts';
import { meaningOf } from './connection-failure.ts';
import { InstanceUnreachable } from './errors.ts';
import { REPLY_END } from './reply-decoder.ts';

/** Whose answer came instead, once it is clear that it is the wrong one: the rest of a sentence may be on its way. */
const REST_OF_ANSWER_MS = 100;
const LONGEST_EXCERPT = 60;
/** The beginning tells who it is, however much more comes. */
const MOST_RECEIVED = 4_096;
/** An alert or a handshake message, of any TLS version. */
const TLS_RECORDS = ['\x15\x03', '\x16\x03'];

export interface Conversation {
  /** For messages. */
  readonly address: string;
  readonly signal: AbortSignal;
}

/**
 * Turns the prompt on. On return the stream is paused, and nothing was received after the prompt.
 *
 * @throws InstanceUnreachable, with what answered instead, or that nothing did before the signal aborted; the
 *   stream is destroyed then.
 */
export function enterPromptMode(stream: Duplex, { address, signal }: Conversation): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = '';
    let rest: NodeJS.Timeout | undefined;

    const settle = () => {
      clearTimeout(rest);
      stream.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onError);
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (why: string, cause?: unknown) => {
      settle();
      stream.on('error', () => {}).destroy();
      reject(new InstanceUnreachable(address, why, cause));
    };
    const onData = (chunk: Buffer) => {
      received += chunk.toString('latin1', 0, MOST_RECEIVED);
      if (received === REPLY_END) {
        settle();
        stream.pause();
        resolve();
      } else if (!REPLY_END.startsWith(received)) {
        if (received.length >= MOST_RECEIVED) fail(whoAnswered(received));
        else rest ??= setTimeout(() => fail(whoAnswered(received)), REST_OF_ANSWER_MS);
      }
    };
    const onEnd = () => fail(received === '' ? CLOSED_WITHOUT_ANSWER : whoAnswered(received));
    const onError = (error: unknown) =>
      fail(received === '' ? meaningOf(error) : whoAnswered(received), error);
    const onAbort = () => fail(received === '' ? NEVER_ANSWERED : whoAnswered(received), signal.reason);

    if (signal.aborted) return onAbort();
    stream.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError);
    signal.addEventListener('abort', onAbort);
    stream.write('prompt\n');
    stream.resume();
  });
}

const NEVER_ANSWERED =
  'it accepted the connection but never answered: not a Runtime API, or its stats maxconn is used up';
const CLOSED_WITHOUT_ANSWER =
  'it closed the connection without an answer: a TLS port (then write tls://), one that wants another TLS client' +
  ' certificate, or a proxy whose HAProxy is gone';

function whoAnswered(received: string): string {
  const excerpt = `"${printable(received.slice(0, LONGEST_EXCERPT), LONGEST_EXCERPT * 2)}"`;
  if (/(?:^|\n)(?:master|\d+)> $/.test(received)) {
    return `the master CLI answered (${excerpt}): use the \`stats socket\` of the worker process`;
  }
  if (received.startsWith('HTTP/')) return `an HTTP server answered (${excerpt}), not a Runtime API`;
  if (TLS_RECORDS.some((record) => received.startsWith(record)))
    return 'a TLS server answered: write tls:// for this instance';
  return `something else than a Runtime API answered: ${excerpt}`;
}
