/** A request that is not done, and the answer that says why to whoever reads the log of a Consul agent. */

/** Codes that a client may rely on; the message is for people and may change. */
export type RefusalCode =
  | 'UNAUTHORIZED'
  | 'UNKNOWN_SERVICE'
  | 'BODY_TOO_LARGE'
  | 'NOT_JSON'
  | 'NOT_A_SERVICE_WATCH'
  | 'QUEUE_REFUSED';

/**
 * Made for `@middy/http-error-handler`, which sends `message` as the body: so that is the JSON document
 * `{"error":{"code":…,"message":…}}`.
 */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly expose = true;
  readonly statusCode: number;
  readonly code: RefusalCode;
  /** For people. */
  readonly why: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    statusCode: number,
    code: RefusalCode,
    why: string,
    options: { readonly headers?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    super(errorDocument(code, why), { cause: options.cause });
    this.statusCode = statusCode;
    this.code = code;
    this.why = why;
    this.headers = options.headers ?? {};
  }
}

export function errorDocument(code: string, message: string): string {
  return JSON.stringify({ error: { code, message } });
}
