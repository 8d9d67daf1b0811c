/** What goes into one invocation of a function and what comes out: Lambda's own shapes. */

/** A function as a deployment describes it. */
export interface FunctionDefinition {
  readonly name: string;
  /** The module with the handler: a `.ts` file (types are stripped) or a bundled `.mjs`. */
  readonly module: URL;
  /** The exported function's name. */
  readonly handler: string;
  /** The whole environment of the function; nothing is inherited from this process. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly memoryMb: number;
}

/** The error document of Lambda's runtime API, plus its stack trace as lines. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

/**
 * How one invocation ended.
 *
 * - `answered`: `payload` is what the handler returned; `undefined` became `null`, as in Lambda's Node.js runtime.
 * - `failed`: the handler threw, timed out, ended its process, did not load, or answered too much.
 * - `refused`: the request was over the limit, so the function never saw it.
 */
export type InvocationResult =
  | { readonly outcome: 'answered'; readonly payload: unknown }
  | { readonly outcome: 'failed'; readonly error: FunctionError }
  | { readonly outcome: 'refused'; readonly error: FunctionError };

/** Invokes a function with an event; never rejects. */
export type Invoke = (event: unknown) => Promise<InvocationResult>;

/** One line that a function wrote, or one that the host has to say about an invocation (`host`). */
export interface FunctionLogLine {
  readonly functionName: string;
  readonly stream: 'stdout' | 'stderr' | 'host';
  readonly line: string;
}

export type FunctionLog = (line: FunctionLogLine) => void;

/** 6 MB, for the JSON of a request (AWS, Lambda quotas; a published probe found exactly this number). */
export const REQUEST_LIMIT_BYTES = 6_291_456;
/** The same for a response; Lambda lets 100 bytes more through there (it names this number in its error). */
export const RESPONSE_LIMIT_BYTES = 6_291_556;

/** The account and region that this host plays; they only appear in ARNs and URLs. */
export const LOCAL_ACCOUNT = '000000000000';
export const LOCAL_REGION = 'us-east-1';
