/**
 * From the environment to what the functions work with: the only reader of `process.env`. One function for each of
 * them, so that a bundle holds the clients of its own function alone.
 *
 * - `HITLESS_CONFIG`: path of hitless.yml; without it, the one beside this module (in a package: beside the bundle).
 * - `HITLESS_QUEUE_URL`: URL of the FIFO queue.
 * - `HITLESS_WEBHOOK_TOKENS`: one token, or two with a comma between them while they are being rotated; each of at
 *   least 16 characters.
 * - `HITLESS_CONSUL_TOKEN`: optional; Consul's ACL token.
 * - The AWS SDK reads its own, such as `AWS_REGION`, `AWS_ENDPOINT_URL_SQS` and `AWS_ENDPOINT_URL_S3`.
 */

import { fileURLToPath } from 'node:url';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { loadConfig } from '../lib/config/load-config.ts';
import { createConsulReader } from '../lib/consul/consul-reader.ts';
import type { Fleet, HitlessConfig } from '../lib/model/fleet.ts';
import { createQueueSender, type QueueSender } from '../lib/queue/send-messages.ts';
import { openSession } from '../lib/runtime-api/connect.ts';
import { openStore } from '../lib/store/open-store.ts';
import type { SyncPorts } from '../lib/sync/ports.ts';
import { bearerCheck } from './bearer.ts';
import { EnvironmentInvalid } from './environment-invalid.ts';

export interface ReconcilePorts {
  readonly fleets: readonly Fleet[];
  readonly queue: QueueSender;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface WebhookPorts extends ReconcilePorts {
  /** Judges the value of an `authorization` header. */
  readonly isAuthorized: (authorization: string | undefined) => boolean;
}

export interface WorkerPorts extends ReconcilePorts {
  /** What a pass works with; the worker adds its own log. */
  readonly sync: Omit<SyncPorts, 'log'>;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const SHORTEST_TOKEN = 16;
const MOST_TOKENS = 2;
/** A pass does not wait longer for Consul: it goes on with what the event carried, or leaves things as they are. */
const CONSUL_TIMEOUT_MS = 5_000;

/** @throws EnvironmentInvalid, ConfigInvalid */
export async function wireReconcile(environment: Environment = process.env): Promise<ReconcilePorts> {
  return withConfig(await readConfig(environment), environment);
}

/** @throws EnvironmentInvalid, ConfigInvalid */
export async function wireWebhook(environment: Environment = process.env): Promise<WebhookPorts> {
  const isAuthorized = bearerCheck(webhookTokens(environment));
  return { ...withConfig(await readConfig(environment), environment), isAuthorized };
}

/** @throws EnvironmentInvalid, ConfigInvalid */
export async function wireWorker(environment: Environment = process.env): Promise<WorkerPorts> {
  const config = await readConfig(environment);
  const reader = createConsulReader(config.consul, {
    token: environment.HITLESS_CONSUL_TOKEN,
    timeoutMs: CONSUL_TIMEOUT_MS,
  });
  const sync = {
    store: openStore(config.store, () => s3Client(environment)),
    readService: (service: string) => reader.readService(service),
    openSession,
    now: Date.now,
  };
  return { ...withConfig(config, environment), sync };
}

function readConfig(environment: Environment): Promise<HitlessConfig> {
  const beside = fileURLToPath(new URL('hitless.yml', import.meta.url));
  return loadConfig(environment.HITLESS_CONFIG ?? beside);
}

function withConfig({ fleets }: HitlessConfig, environment: Environment): ReconcilePorts {
  return { fleets, queue: createQueueSender(new SQSClient({}), queueUrl(environment)), now: Date.now };
}

function queueUrl(environment: Environment): string {
  const url = environment.HITLESS_QUEUE_URL ?? '';
  if (url === '')
    throw new EnvironmentInvalid('HITLESS_QUEUE_URL', 'is not set: it is the URL of the FIFO queue');
  return url;
}

function webhookTokens(environment: Environment): readonly string[] {
  const name = 'HITLESS_WEBHOOK_TOKENS';
  const tokens = (environment[name] ?? '').split(',').map((token) => token.trim());
  if (tokens.length > MOST_TOKENS) throw new EnvironmentInvalid(name, `has more than ${MOST_TOKENS} tokens`);
  if (tokens.some((token) => token.length < SHORTEST_TOKEN)) {
    const wanted = `one token, or two with a comma between them, of at least ${SHORTEST_TOKEN} characters each`;
    throw new EnvironmentInvalid(name, `must be ${wanted} (for instance from: openssl rand -hex 32)`);
  }
  if (tokens.some((token) => !/^[\x21-\x7e]+$/.test(token))) {
    throw new EnvironmentInvalid(name, 'has a token with a character that no HTTP header carries as it is');
  }
  return tokens;
}

/** A local S3 is reached by one host name, so the bucket has to stand in the path. */
function s3Client(environment: Environment): S3Client {
  const endpoint = environment.AWS_ENDPOINT_URL_S3 ?? environment.AWS_ENDPOINT_URL;
  return new S3Client({ forcePathStyle: endpoint !== undefined });
}
