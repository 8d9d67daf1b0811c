/** The messages between a sandbox and the thread that runs its function. */

import type { FunctionError } from './invocation.ts';

/** Given to the thread when it starts. */
export interface ThreadStart {
  /** The handler's module, as a URL. */
  readonly module: string;
  readonly handler: string;
  readonly functionName: string;
  readonly functionArn: string;
  readonly memoryMb: number;
}

export interface ThreadInvocation {
  readonly requestId: string;
  /** JSON. */
  readonly event: string;
  /** Milliseconds since 1970. */
  readonly deadlineMs: number;
}

/** How loading went, once, and then one message for each invocation. */
export type ThreadMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'init-failed'; readonly error: FunctionError }
  | { readonly kind: 'answered'; readonly payload: string }
  | { readonly kind: 'failed'; readonly error: FunctionError };
