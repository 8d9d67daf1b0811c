/**
 * A limit for what Consul, or whoever answers in its place, can make us keep in memory: the `consul` package puts an
 * answer together however large it gets.
 */

import { EventEmitter } from 'node:events';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { sizeText } from '../model/limits.ts';

/**
 * Of one call; the package hands it through. It knows no AbortSignal: an event `cancel` of the context ends a call, and
 * one that asks for the response gets it beside the body. Neither is in its types (2.0.1, lib/utils.js and papi 1.1,
 * lib/client.js).
 */
export class CallContext extends EventEmitter {
  readonly includeResponse = true;
  readonly mostBytes: number;
  isTooLarge = false;

  constructor(mostBytes: number) {
    super();
    this.mostBytes = mostBytes;
  }
}

export class AnswerTooLarge extends Error {
  override readonly name = 'AnswerTooLarge';
  readonly code = 'CONSUL_ANSWER_TOO_LARGE';

  constructor(mostBytes: number) {
    super(
      `its answer has more than ${sizeText(mostBytes)}, and was read no further; \`consul_answer\` of the fleet in hitless.yml takes more`,
    );
  }
}

interface Transport {
  readonly request: (options: RequestOptions) => ClientRequest;
}

interface Call {
  readonly ctx: CallContext;
  transport: Transport;
}

/** Each call of `client` ends as its context's `cancel` does when the answer gets larger than its `mostBytes`. */
export function boundAnswers(client: object): void {
  // The package's port for extensions, which is not in its types either.
  const extend: unknown = Reflect.get(client, '_ext');
  if (typeof extend !== 'function') throw new TypeError('the package consul has no extensions any more');
  const bound = (call: Call, next: () => void) => {
    const { ctx, transport } = call;
    call.transport = {
      request: (options) =>
        transport.request(options).on('response', (response) => countBytes(response, ctx)),
    };
    next();
  };
  Reflect.apply(extend, client, ['onRequest', bound]);
}

function countBytes(response: IncomingMessage, context: CallContext): void {
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= context.mostBytes || context.isTooLarge) return;
    context.isTooLarge = true;
    context.emit('cancel');
  });
}
