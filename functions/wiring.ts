/**
 * From the environment to what the functions work with: the only reader of `process.env`. One function for each of
 * them, so that a bundle holds the clients of its own function alone.
 *
 * - `HITLESS_CONFIG`: path of hitless.yml; without it, the one beside this module. A package has its own hitless.json
 *   beside the bundle (infra/aws/bundle/package-config.ts).
 * - `HITLESS_CONFIG_WRITTEN_AT`: optional; when the packaged hitless.yml was written, in ISO 8601: of two that say
 *   something else of one backend the later one counts.
 * - `HITLESS_QUEUE_URL`: URL of the FIFO queue.
 * - `HITLESS_WEBHOOK_TOKENS_PARAMETER`: the name of the SSM parameter (SecureString) with one token, or two with a
 *   comma between them while they are being rotated; each of at least 16 characters. Or, on one machine, the tokens
 *   themselves in `HITLESS_WEBHOOK_TOKENS`.
 * - `HITLESS_CONSUL_TOKEN_PARAMETER` or `HITLESS_CONSUL_TOKEN`: optional; the same for Consul's ACL token.
 * - `HITLESS_TLS_PARAMETERS`: optional; a path such as `/hitless/prod/tls`, below which the parameters `ca`, `cert` and
 *   `key` hold PEM texts. They are used for all `tls://` instances of all fleets, instead of the files in hitless.yml.
 * - `HITLESS_METRICS_NAMESPACE`: optional; where the metrics go, so that two deployments in one account do not mix.
 * - The AWS SDK reads its own, such as `AWS_REGION`, `AWS_ENDPOINT_URL_SQS`, `AWS_ENDPOINT_URL_S3`,
 *   `AWS_ENDPOINT_URL_SSM`.
 */

import { fileURLToPath } from 'node:url';
import { loadConfig } from '../lib/config/load-config.ts';
import { type ConsulReader, createConsulReader } from '../lib/consul/consul-reader.ts';
import type { Fleet, HitlessConfig, TlsTexts } from '../lib/model/fleet.ts';
import { createMessageReturner, type ReturnMessages } from '../lib/queue/return-messages.ts';
import { createQueueSender, type QueueSender } from '../lib/queue/send-messages.ts';
import { createSqsClient } from '../lib/queue/sqs-client.ts';
import { addressText } from '../lib/runtime-api/address-text.ts';
import { openSession } from '../lib/runtime-api/connect.ts';
import { InstanceUnreachable } from '../lib/runtime-api/errors.ts';
import type { OpenSession } from '../lib/runtime-api/runtime-session.ts';
import { openStore } from '../lib/store/open-store.ts';
import { createS3Client } from '../lib/store/s3-client.ts';
import type { SyncPorts } from '../lib/sync/ports.ts';
import { EnvironmentInvalid } from './environment-invalid.ts';
import { consulToken, type OnStale, runtimeTls, type Secret, webhookCheck } from './secrets.ts';

export interface ReconcilePorts {
  readonly fleets: readonly Fleet[];
  readonly queue: QueueSender;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface WebhookPorts extends ReconcilePorts {
  /** Judges the value of an `authorization` header. Throws when the tokens cannot be read, and never were. */
  readonly isAuthorized: (authorization: string | undefined) => Promise<boolean>;
}

export interface WorkerPorts extends ReconcilePorts {
  /**
   * Makes received messages visible after so many seconds, instead of when their time has run out; by their receipt
   * handles. Throws when SQS does not do it for one of them: that one comes later.
   */
  readonly returnMessages: ReturnMessages;
  /** What a pass works with; the worker adds its own log. */
  readonly sync: Omit<SyncPorts, 'log'>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** A pass does not wait longer for Consul: it goes on with what the event carried, or leaves things as they are. */
const CONSUL_TIMEOUT_MS = 5_000;

/** @throws EnvironmentInvalid, ConfigInvalid */
export async function wireReconcile(environment: Environment = process.env): Promise<ReconcilePorts> {
  return withConfig(await readConfig(environment), environment);
}

/** @throws EnvironmentInvalid, ConfigInvalid */
export async function wireWebhook(
  environment: Environment = process.env,
  onStale: OnStale = ignore,
): Promise<WebhookPorts> {
  const check = webhookCheck(environment, onStale);
  const isAuthorized = async (authorization: string | undefined) => (await check())(authorization);
  return { ...withConfig(await readConfig(environment), environment), isAuthorized };
}

/** @throws EnvironmentInvalid, ConfigInvalid */
export async function wireWorker(
  environment: Environment = process.env,
  onStale: OnStale = ignore,
): Promise<WorkerPorts> {
  const config = await readConfig(environment);
  const store = openStore(config.store, () => createS3Client({ endpoint: s3Endpoint(environment) }));
  const sync = {
    store,
    readService: serviceReader(config, consulToken(environment, onStale)),
    openSession: withTls(runtimeTls(environment, onStale)),
    now: store.clock?.now ?? Date.now,
  };
  const client = createSqsClient();
  const returnMessages = createMessageReturner(client, queueUrl(environment));
  return { ...withConfig(config, environment, client), returnMessages, sync };
}

/** A reader, with its kept connections, for as long as the token is the same. */
function serviceReader(
  { consul }: HitlessConfig,
  token: Secret<string | undefined>,
): SyncPorts['readService'] {
  let current: { readonly token: string | undefined; readonly reader: ConsulReader } | undefined;
  return async (service, options) => {
    const now = await token();
    if (current === undefined || current.token !== now) {
      const reader = createConsulReader(consul, { token: now, timeoutMs: CONSUL_TIMEOUT_MS });
      current = { token: now, reader };
    }
    return current.reader.readService(service, options);
  };
}

/** The parameters, when there are some, stand in for the files that hitless.yml names. */
function withTls(texts: Secret<TlsTexts> | null): OpenSession {
  if (texts === null) return openSession;
  return async (address, { tls, signal }) => {
    if (address.scheme !== 'tls') return openSession(address, { tls, signal });
    const parameters = await texts().catch((error: Error) => {
      throw new InstanceUnreachable(addressText(address), error.message, error);
    });
    return openSession(address, { tls: parameters, signal });
  };
}

function ignore(): void {}

/** CloudWatch's namespace for the metrics; `Hitless` when nothing else is said. */
export function metricsNamespace(environment: Environment = process.env): string {
  return environment.HITLESS_METRICS_NAMESPACE || 'Hitless';
}

async function readConfig(environment: Environment): Promise<HitlessConfig> {
  const beside = fileURLToPath(new URL('hitless.yml', import.meta.url));
  const config = await loadConfig(environment.HITLESS_CONFIG ?? beside);
  const writtenAtMs = Date.parse(environment.HITLESS_CONFIG_WRITTEN_AT ?? '');
  if (Number.isNaN(writtenAtMs)) return config;
  return { ...config, fleets: config.fleets.map((fleet) => ({ ...fleet, writtenAtMs })) };
}

function withConfig(
  { fleets }: HitlessConfig,
  environment: Environment,
  client = createSqsClient(),
): ReconcilePorts {
  return { fleets, queue: createQueueSender(client, queueUrl(environment)), now: Date.now };
}

function queueUrl(environment: Environment): string {
  const url = environment.HITLESS_QUEUE_URL ?? '';
  if (url === '')
    throw new EnvironmentInvalid('HITLESS_QUEUE_URL', 'is not set: it is the URL of the FIFO queue');
  return url;
}

function s3Endpoint(environment: Environment): string | undefined {
  return environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL;
}
