/**
 * From the environment and the configuration to what the commands work with. The only reader of `process.env` in
 * this folder: `HITLESS_CONFIG`, `HITLESS_CONSUL_TOKEN`, `HITLESS_DEBUG`; the AWS SDK reads its own.
 */

import { S3Client } from '@aws-sdk/client-s3';
import { createConsulReader } from '../consul/consul-reader.ts';
import type { HitlessConfig, StoreAddress } from '../model/fleet.ts';
import { openSession } from '../runtime-api/connect.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { openStore } from '../store/open-store.ts';
import type { SyncEvent, SyncPorts } from '../sync/ports.ts';

/** A sync does not wait longer for Consul; the next one asks again. */
const CONSUL_TIMEOUT_MS = 5_000;

export function defaultConfigPath(): string {
  return process.env.HITLESS_CONFIG || 'hitless.yml';
}

/** Whether errors are shown with the place in the code where they happened. */
export function isDebugging(): boolean {
  return process.env.HITLESS_DEBUG === '1';
}

/** Connects to nobody yet. */
export function openPorts({ consul, store }: HitlessConfig, log: (event: SyncEvent) => void): SyncPorts {
  const token = process.env.HITLESS_CONSUL_TOKEN;
  const reader = createConsulReader(consul, { token, timeoutMs: CONSUL_TIMEOUT_MS });
  return {
    store: openConfiguredStore(store),
    readService: (service) => reader.readService(service),
    openSession,
    now: Date.now,
    log,
  };
}

export function openConfiguredStore(address: StoreAddress): ObjectStore {
  return openStore(address, s3Client);
}

/** A local S3 is reached by one host name, so the bucket has to stand in the path. */
function s3Client(): S3Client {
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  return new S3Client({ forcePathStyle: endpoint !== undefined });
}
