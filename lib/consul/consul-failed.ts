/** Consul could not be asked, or did not answer with health entries. Trying again later can help. */
export class ConsulFailed extends Error {
  override readonly name = 'ConsulFailed';
  readonly code = 'CONSUL_FAILED';
  /** Which call: `GET /v1/health/service/NAME at ADDRESS`. */
  readonly call: string;
  /** The HTTP status; null: there was no answer. */
  readonly status: number | null;
  readonly why: string;

  /** @param cause without anything of the request in it, for that holds the token. */
  constructor(call: string, why: string, status: number | null, cause?: unknown) {
    super(`${call}: ${why}`, cause === undefined ? undefined : { cause });
    this.call = call;
    this.status = status;
    this.why = why;
  }
}
