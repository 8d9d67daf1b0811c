/**
 * From the environment and the configuration to what the commands work with. The only reader of `process.env` in
 * this folder: `HITLESS_CONFIG`, `HITLESS_CONSUL_TOKEN`, `HITLESS_WEBHOOK_TOKENS`, `HITLESS_DEBUG`, and what systemd tells
 * its services; the AWS SDK reads its own.
 *
 * What connects to others is loaded when it is asked for, so that help and mistakes are told at once.
 */

import type { ConsulReader } from '../consul/consul-reader.ts';
import type { HitlessConfig, InstanceAddress, StoreAddress } from '../model/fleet.ts';
import type { ObjectStore } from '../store/object-store.ts';
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

/** The first of the webhook's tokens, the one for new watches; null: none is set. */
export function webhookToken(): string | null {
  return process.env.HITLESS_WEBHOOK_TOKENS?.split(',')[0]?.trim() || null;
}

/** Connects to nobody yet. */
export async function openPorts(
  { consul, store: address }: HitlessConfig,
  log: (event: SyncEvent) => void,
): Promise<SyncPorts> {
  const [store, { createConsulReader }, { openSession }] = await Promise.all([
    openConfiguredStore(address),
    import('../consul/consul-reader.ts'),
    import('../runtime-api/connect.ts'),
  ]);
  const reader = createConsulReader(consul, { token: consulToken(), timeoutMs: CONSUL_TIMEOUT_MS });
  return {
    ...{ store, openSession, now: store.clock?.now ?? Date.now, log },
    readService: (service, options) => reader.readService(service, options),
  };
}

/** For questions to Consul that stay open, with so many connections of their own. */
export async function openQuestions({ consul }: HitlessConfig, connections: number): Promise<ConsulReader> {
  const { createConsulReader } = await import('../consul/consul-reader.ts');
  return createConsulReader(consul, { token: consulToken(), timeoutMs: CONSUL_TIMEOUT_MS, connections });
}

function consulToken(): string | undefined {
  return process.env.HITLESS_CONSUL_TOKEN;
}

export interface ServiceManager {
  /** Where it wants to be told how its service is; null: it does not, or there is none. */
  readonly notifySocket: string | null;
  /** How often it wants a sign of life, at least; null: it does not. */
  readonly watchdogMs: number | null;
  /** Whether it puts the time before every line that its service writes. */
  readonly writesTimes: boolean;
}

/** As systemd tells its services: sd_notify(3), sd_watchdog_enabled(3), systemd.exec(5). */
export function serviceManager(): ServiceManager {
  const {
    NOTIFY_SOCKET: socket,
    WATCHDOG_USEC: every,
    WATCHDOG_PID: pid,
    JOURNAL_STREAM: journal,
  } = process.env;
  const isOurs = pid === undefined || pid === String(process.pid);
  const watchdogMs = isOurs && /^[1-9]\d{0,15}$/.test(every ?? '') ? Number(every) / 1_000 : null;
  return { notifySocket: socket || null, watchdogMs, writesTimes: journal !== undefined };
}

/** The AWS SDK, which takes longer to load than a pass on one machine takes, is loaded for a store on S3 only. */
export async function openConfiguredStore(address: StoreAddress): Promise<ObjectStore> {
  if (address.scheme === 'file') {
    const { createDirectoryStore } = await import('../store/directory-store.ts');
    return createDirectoryStore(address.path);
  }
  const { openS3Store } = await import('./s3.ts');
  const endpoint = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  return openS3Store(address, endpoint);
}

/** What `init` asks, before there is a hitless.yml. @throws as the session and the reader do */
export async function openDiscovery(consul: string, timeoutMs: number) {
  const [{ createConsulReader }, { readServiceNames }, { openSession }] = await Promise.all([
    import('../consul/consul-reader.ts'),
    import('../consul/service-names.ts'),
    import('../runtime-api/connect.ts'),
  ]);
  const token = consulToken();
  const reader = createConsulReader({ address: consul, datacenter: null, tls: {} }, { token, timeoutMs });
  return {
    readServiceNames: () => readServiceNames(consul, { token, timeoutMs }),
    readService: async (service: string) => (await reader.readService(service)).entries,
    async readInstance(address: InstanceAddress) {
      const session = await openSession(address, { tls: {}, signal: AbortSignal.timeout(timeoutMs) });
      try {
        const [info, { servers }, backends] = await Promise.all([
          session.readInfo(),
          session.readServers(),
          session.readBackends(),
        ]);
        return { address, info, servers, backends };
      } finally {
        await session.close();
      }
    },
  };
}
