/**
 * The whole system on this machine: a real Consul agent with a real watch, real HAProxies, SQS and S3 over HTTP, and
 * the functions in a host that keeps Lambda's rules.
 *
 * Everybody needs somebody else's address, so the order is this: the HAProxies start from a configuration without
 * servers; with their addresses and Consul's there is a hitless.yml; with that the functions start; and only then
 * Consul is told whom its watch posts to. Everything listens on 127.0.0.1.
 */

import { randomBytes } from 'node:crypto';
import pLimit from 'p-limit';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { createS3Store } from '../../lib/store/s3-store.ts';
import { type LocalConsul, startConsul } from './consul.ts';
import type { ServiceWatch } from './consul-types.ts';
import { type Emulator, type QueuePair, startEmulator } from './emulator.ts';
import { type LocalHaproxy, startHaproxy } from './haproxy.ts';
import type { FunctionLogLine } from './lambda/invocation.ts';
import {
  type BackendSettings,
  firstHaproxyConfiguration,
  type LocalConfiguration,
  SERVICE,
  writeConfiguration,
} from './system/configuration.ts';
import { readEvent, type SystemEvent } from './system/events.ts';
import { startFunctions } from './system/functions.ts';
import { allStarted, createParts, type Parts } from './system/parts.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

export interface SystemOptions {
  /** How many HAProxies; three unless told. The first is reached over its unix socket, the others over TCP. */
  readonly haproxies?: number;
  /** What hitless.yml says about the backend, where it differs from 100 slots with cookies and the defaults. */
  readonly backend?: BackendSettings;
  /** Ten seconds unless told (on AWS a minute); null: only when `reconcile` is called. */
  readonly reconcileEveryMs?: number | null;
  /**
   * Seconds until a message comes again that was handed out and not done; 35 unless told: a little more than the
   * worker's timeout. AWS asks for six times that timeout, because it may hand a batch out while the function is
   * throttled; that does not happen here, and a failure is seen to heal in reasonable time.
   */
  readonly visibilityTimeout?: number;
  /** Told about what happens as it happens, from before the first pass. */
  readonly onEvent?: (event: SystemEvent) => void;
}

export interface LocalInstance {
  readonly name: string;
  /** Its Runtime API as hitless.yml has it: `unix:///…` or `tcp://127.0.0.1:PORT`. */
  readonly address: string;
  readonly haproxy: LocalHaproxy;
}

export interface LocalSystem {
  readonly webhook: { readonly url: string; readonly token: string };
  readonly consul: LocalConsul;
  /** The watch that Consul has; `consul.setWatches` with another one, or none, makes events get lost. */
  readonly watch: ServiceWatch;
  /** In the order of hitless.yml. */
  readonly instances: readonly LocalInstance[];
  readonly emulator: Emulator;
  readonly queue: QueuePair;
  readonly bucket: string;
  readonly prefix: string;
  /** The same objects that the functions work with. */
  readonly store: ObjectStore;
  readonly configuration: LocalConfiguration;
  /** What another program (`hitless`, `hitless-pull`, an SDK) needs in its environment to reach this S3 and SQS. */
  readonly environment: Readonly<Record<string, string>>;
  /** The scheduled event, now. Its pass comes through the queue, so it is not over when this returns. */
  reconcile(): Promise<void>;
  /** Stops everything in reverse order; passes under way end first. A second call waits for the first one. */
  stop(): Promise<void>;
}

const bucket = 'hitless';
const prefix = 'local';
/** HAProxies that start at the same time; more of them would only wait for each other. */
const STARTING_AT_ONCE = 8;
const FIRST_PASS_MS = 40_000;

/**
 * Starts the system, and returns when its first pass has been over every HAProxy.
 *
 * @throws PartFailed, naming the part; what had been started is stopped then. It has no handlers for signals: a
 *   program that ends without `stop` leaves no process and no folder behind either (at-exit.ts).
 */
export async function startSystem(options: SystemOptions = {}): Promise<LocalSystem> {
  const parts = createParts();
  try {
    return await startParts(parts, options);
  } catch (error) {
    // What went wrong first is what the caller should read.
    await parts.stop().catch(() => undefined);
    throw error;
  }
}

async function startParts(parts: Parts, options: SystemOptions): Promise<LocalSystem> {
  const { haproxies = 3, backend = {}, reconcileEveryMs = 10_000, visibilityTimeout = 35 } = options;
  const token = randomBytes(24).toString('hex');
  const folder = await parts.start(
    'temporary folder',
    () => temporaryFolder('system'),
    (made) => made.remove(),
  );

  const [emulator, consul, instances] = await allStarted([
    parts.start('SQS and S3', startEmulator, (started) => started.stop()),
    parts.start('Consul', startConsul, (started) => started.stop()),
    startInstances(parts, haproxies, () => firstHaproxyConfiguration(folder.path, backend)),
  ]);
  await parts.start('S3 bucket', () => emulator.createBucket(bucket));
  const queue = await parts.start('SQS queue', () => emulator.createQueue({ visibilityTimeout }));
  const configuration = await parts.start(
    'hitless.yml',
    () =>
      writeConfiguration(folder.path, {
        consulUrl: consul.url,
        store: `s3://${bucket}/${prefix}`,
        instances: Object.fromEntries(instances.map(({ name, address }) => [name, address])),
        backend,
      }),
    () => undefined,
  );

  const observed = observe(options.onEvent);
  const { gateway, schedule } = await startFunctions(parts, {
    environment: {
      HITLESS_CONFIG: configuration.path,
      HITLESS_QUEUE_URL: queue.url,
      // What is applied to each instance is told at this level only.
      POWERTOOLS_LOG_LEVEL: 'DEBUG',
      HITLESS_WEBHOOK_TOKENS: token,
    },
    emulator,
    queueUrl: queue.url,
    reconcileEveryMs,
    log: observed.log,
  });
  const url = `${gateway.url}/watch/${SERVICE}`;
  const watch: ServiceWatch = {
    service: SERVICE,
    handler: { url, headers: { Authorization: `Bearer ${token}` } },
  };
  await parts.start('watch of Consul', () => consul.setWatches([watch]));
  await parts.start('first pass', observed.firstPass);

  return {
    webhook: { url, token },
    consul,
    watch,
    instances,
    emulator,
    queue,
    bucket,
    prefix,
    store: createS3Store(emulator.s3, { bucket, prefix }),
    configuration,
    environment: emulator.environment,
    async reconcile() {
      const { outcome, ...result } = await schedule.trigger();
      if (outcome !== 'answered') throw new Error(`reconcile ${outcome}: ${JSON.stringify(result)}`);
    },
    stop: () => parts.stop(),
  };
}

async function startInstances(
  parts: Parts,
  count: number,
  firstConfiguration: () => Promise<string>,
): Promise<LocalInstance[]> {
  const configuration = await parts.start('first configuration', firstConfiguration);
  const limit = pLimit(STARTING_AT_ONCE);
  const names = Array.from({ length: count }, (_, index) => `lb${index + 1}`);
  return allStarted(
    names.map((name, index) =>
      limit(async () => {
        const haproxy = await parts.start(
          `HAProxy ${name}`,
          () => startHaproxy({ configuration }),
          (started) => started.stop(),
        );
        const { socket, runtime } = haproxy;
        const address = index === 0 ? `unix://${socket}` : `tcp://${runtime.host}:${runtime.port}`;
        return { name, address, haproxy };
      }),
    ),
  );
}

/** Reads the functions' log, tells the caller, and remembers whether there was a pass. */
function observe(onEvent: SystemOptions['onEvent']) {
  let passes = 0;
  let lastProblem = '';
  return {
    log(line: FunctionLogLine) {
      const event = readEvent(line);
      if (event === undefined) return;
      if (event.event === 'pass_done') passes += 1;
      if (event.event === 'other' && event.level !== 'info') lastProblem = `${event.source}: ${event.text}`;
      onEvent?.(event);
    },
    async firstPass() {
      try {
        await until(() => passes > 0, { what: 'the first pass', within: FIRST_PASS_MS });
      } catch (error) {
        throw lastProblem === '' ? error : new Error(lastProblem, { cause: error });
      }
    },
  };
}
