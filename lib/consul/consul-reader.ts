/** Asking Consul for the health entries of a service, over HTTP(S) with the `consul` package. */

import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import Consul from 'consul';
import { readFile } from '../files/read-file.ts';
import type { ConsulAddress, TlsFiles } from '../model/fleet.ts';
import { LARGEST_ANSWER_BYTES, LARGEST_FILE_BYTES } from '../model/limits.ts';
import { printable } from '../model/printable.ts';
import type { HealthEntry } from '../model/service-entry.ts';
import { AnswerTooLarge, boundAnswers, CallContext } from './bounded-answer.ts';
import { ConsulFailed } from './consul-failed.ts';
import { parseHealthEntries } from './health-entries.ts';

export interface ConsulReader {
  /**
   * What Consul has of `service` now, from a server that knows its leader (Consul's default consistency).
   * A service that Consul does not know: no entries. So it is, too, for a token that may not read the service or its
   * nodes (measured on 1.8.7: 200 and `[]`, with nothing that tells the two apart). Where Consul says in a header
   * that it left something out, as newer releases do, this throws.
   *
   * @param service any name; it is encoded.
   * @throws ConsulFailed
   */
  readService(service: string, options?: ReadServiceOptions): Promise<ServiceReading>;
}

export interface ReadServiceOptions {
  readonly signal?: AbortSignal | undefined;
  /** An answer with more bytes is given up while it comes. Absent: see LARGEST_ANSWER_BYTES. */
  readonly mostBytes?: number | undefined;
  /** Consul answers when its index is above this one, or when the time is over ("blocking query"). Absent: at once. */
  readonly after?: { readonly index: string; readonly waitMs: number } | undefined;
}

export interface ServiceReading {
  readonly entries: HealthEntry[];
  /** `X-Consul-Index`: opaque, for it can be larger than a number holds, and goes down when Consul rebuilt its data. */
  readonly index: string | null;
}

export interface ConsulReaderOptions {
  /** The ACL token; empty or absent: none is sent. It never appears in an error. */
  readonly token?: string | undefined;
  /** For one call, from connecting to the last byte, beside the time that it waits `after` an index; in milliseconds. */
  readonly timeoutMs: number;
  /** At the same time; further calls wait for one. Absent: 16. */
  readonly connections?: number;
}

/** Consul allows 200 connections per client (measured: the next ones are closed without a word). */
const MOST_CONNECTIONS = 16;
const RESET = new Set(['ECONNRESET', 'EPIPE']);

/**
 * Nothing is connected or read before the first call, so nothing is thrown here. Connections are kept for the next
 * call but do not keep the process alive.
 */
export function createConsulReader(address: ConsulAddress, given: ConsulReaderOptions): ConsulReader {
  let client: Consul | undefined;
  // A line end after a token, as files and parameters have it, cannot be in a header.
  const options = { ...given, token: given.token?.trim() };
  return {
    async readService(service, { signal, after, mostBytes = LARGEST_ANSWER_BYTES } = {}) {
      const call = describeCall(address, service);
      const failed = (why: string, status: number | null, cause?: unknown) =>
        new ConsulFailed(call, withoutToken(why, options.token), status, cause);
      try {
        client ??= connectTo(address, options.connections ?? MOST_CONNECTIONS);
      } catch (error) {
        throw failed(`cannot use the TLS files: ${messageOf(error)}`, null, error);
      }
      if (signal?.aborted === true) throw failed('given up before it was sent', null);
      const question: Question = { client, service, address, options, signal, mostBytes, after };
      const [response, body] = await ask(question).catch((error: unknown) => {
        if (error instanceof AnswerTooLarge) throw failed(error.message, null);
        if (signal?.aborted === true) throw failed('given up by the caller', null);
        throw failed(explain(error), responseOf(error)?.statusCode ?? null);
      });
      return readAnswer(response, body, failed);
    },
  };
}

type Failure = (why: string, status: number | null, cause?: unknown) => ConsulFailed;

interface Question {
  readonly client: Consul;
  readonly service: string;
  readonly address: ConsulAddress;
  readonly options: ConsulReaderOptions;
  readonly signal: AbortSignal | undefined;
  readonly mostBytes: number;
  readonly after: ReadServiceOptions['after'];
}

type Answer = [response: IncomingMessage, body: unknown];

/**
 * Asks again, once, when the connection was reset: a kept one may have ended while nobody looked. Not so after an index,
 * for whoever answers next may have begun anew, and would keep the question open although it has something to tell.
 */
async function ask(question: Question): Promise<Answer> {
  try {
    return await askOnce(question);
  } catch (error) {
    if (question.after !== undefined) throw error;
    if (error instanceof Error && 'code' in error && RESET.has(String(error.code))) return askOnce(question);
    throw error;
  }
}

async function askOnce(question: Question): Promise<Answer> {
  const { client, service, address, options, signal, mostBytes, after } = question;
  const context = new CallContext(mostBytes);
  const cancel = () => context.emit('cancel');
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const query = {
      service,
      timeout: options.timeoutMs + mostWaitMs(after),
      ctx: context,
      ...(after === undefined ? {} : { index: after.index, wait: `${after.waitMs}ms` }),
      ...(address.datacenter === null ? {} : { dc: address.datacenter }),
      ...(options.token === undefined ? {} : { token: options.token }),
    };
    return (await client.health.service(query)) as Answer;
  } catch (error) {
    throw context.isTooLarge ? new AnswerTooLarge(mostBytes) : error;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

/** Consul adds up to a sixteenth, so that not all questions end at once. */
function mostWaitMs(after: ReadServiceOptions['after']): number {
  return after === undefined ? 0 : Math.ceil((after.waitMs * 17) / 16);
}

function readAnswer(response: IncomingMessage, body: unknown, failed: Failure): ServiceReading {
  const status = response.statusCode ?? null;
  if (body === undefined || Buffer.isBuffer(body) || typeof body === 'string') {
    const type = response.headers['content-type'] ?? 'no content type';
    throw failed(`answered ${status} with ${printable(type, 60)} instead of JSON`, status);
  }
  if (headerOf(response.headers, 'x-consul-results-filtered-by-acls') === 'true') {
    throw failed(
      'left entries out: HITLESS_CONSUL_TOKEN lacks service:read or node:read for some of them',
      status,
    );
  }
  try {
    return { entries: parseHealthEntries(body), index: indexOf(response.headers) };
  } catch (error) {
    throw failed(`answered ${status}, but ${messageOf(error)}`, status, error);
  }
}

/** An unsigned number of 64 bits; whatever else is there goes into no table. */
function indexOf(headers: IncomingHttpHeaders): string | null {
  const index = headerOf(headers, 'x-consul-index');
  return index !== null && /^\d{1,20}$/.test(index) ? index : null;
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** In Consul's or the system's own words. The error itself goes no further: its fields hold the request's headers. */
function explain(error: unknown): string {
  const response = responseOf(error);
  const words = messageOf(error).replace(/^consul: (?:health\.service: )?/, '');
  if (response === null) return words;
  const { statusCode: status, body } = response;
  if (status >= 200 && status < 300) return `answered ${status}, but ${printable(words, 200)}`;
  const said =
    typeof body === 'string' || Buffer.isBuffer(body) ? printable(body.toString().trim(), 200) : '';
  const hint =
    status === 403 ? ' (HITLESS_CONSUL_TOKEN is unknown, or lacks service:read and node:read)' : '';
  return `answered ${status}${said === '' ? '' : `: ${said}`}${hint}`;
}

/** The package hangs it on its errors when the context asked for it. The body is in plain text where Consul refuses. */
function responseOf(error: unknown): { readonly statusCode: number; readonly body: unknown } | null {
  if (!(error instanceof Error) || !('response' in error)) return null;
  const { response } = error;
  if (typeof response !== 'object' || response === null || !('statusCode' in response)) return null;
  if (typeof response.statusCode !== 'number') return null;
  return { statusCode: response.statusCode, body: 'body' in response ? response.body : null };
}

/** A host with several addresses fails with one error for each. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

function withoutToken(text: string, token: string | undefined): string {
  return token === undefined || token === '' ? text : text.replaceAll(token, '(token)');
}

function connectTo({ address, tls }: ConsulAddress, connections: number): Consul {
  const url = new URL(address);
  const settings = { keepAlive: true, maxSockets: connections, ...literalIpv6(url.hostname) };
  const agent =
    url.protocol === 'https:' ? new HttpsAgent({ ...settings, ...pemOf(tls) }) : new HttpAgent(settings);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1`;
  const options = { baseUrl: url.href, agent };
  const client = new Consul(options);
  boundAnswers(client);
  return client;
}

/** The package hands `[::1]` to the resolver with its brackets; what the agent says comes first. */
function literalIpv6(hostname: string): { host?: string } {
  return hostname.startsWith('[') ? { host: hostname.slice(1, -1) } : {};
}

function pemOf({ ca, cert, key }: TlsFiles): { ca?: string; cert?: string; key?: string } {
  const read = (path: string) => readFile(path, LARGEST_FILE_BYTES.pem);
  return {
    ...(ca === undefined ? {} : { ca: read(ca) }),
    ...(cert === undefined ? {} : { cert: read(cert) }),
    ...(key === undefined ? {} : { key: read(key) }),
  };
}

function describeCall({ address, datacenter }: ConsulAddress, service: string): string {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  const query = datacenter === null ? '' : `?dc=${encodeURIComponent(datacenter)}`;
  const at = url.href.replace(/\/+$/, '');
  return `GET /v1/health/service/${encodeURIComponent(service)}${query} at ${at}`;
}
