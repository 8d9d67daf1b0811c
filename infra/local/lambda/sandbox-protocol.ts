/**
 * The messages between a sandbox and the thread that runs its function.
 *
 * Between its invocations the thread stands still. `turn` counts the invocations that it was given: a thread that has
 * served as many waits until there is another one (`Atomics.wait`), and nothing of it runs meanwhile.
 */

import type { FunctionError } from './invocation.ts';

/** Given to the thread when it starts. */
export interface ThreadStart {
  /** The handler's module, as a URL. */
  readonly module: string;
  readonly handler: string;
  readonly functionName: string;
  readonly functionArn: string;
  readonly memoryMb: number;
  /** One number, shared with the host. */
  readonly turn: Int32Array<SharedArrayBuffer>;
}

export interface ThreadInvocation {
  readonly requestId: string;
  /** JSON. */
  readonly event: string;
  /** Milliseconds since 1970. */
  readonly deadlineMs: number;
}

/** How loading went, once, then one for each invocation; and, at any time before that, what the function wrote. */
export type ThreadMessage = ThreadResult | ThreadOutput;

/** Not through the streams of the thread, which only go on while it runs: a line would wait for the next invocation. */
export interface ThreadOutput {
  readonly kind: 'wrote';
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export type ThreadResult =
  | { readonly kind: 'ready' }
  | { readonly kind: 'init-failed'; readonly error: FunctionError }
  | { readonly kind: 'answered'; readonly payload: string }
  | { readonly kind: 'failed'; readonly error: FunctionError };
