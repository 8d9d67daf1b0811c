/**
 * Where the real functions run: sandboxes that start and die, the queue's event source, the schedule, the webhook's
 * gateway, and a person who calls `hitless sync` in between.
 */

import '../functions/silent.ts';
import type { Context } from 'aws-lambda';
import { createReconcile } from '../../functions/reconcile.ts';
import { createWebhook } from '../../functions/webhook.ts';
import { createWorker } from '../../functions/worker.ts';
import type { Fleet } from '../../lib/model/fleet.ts';
import { passFleet } from '../../lib/sync/pass.ts';
import type { SyncPorts } from '../../lib/sync/ports.ts';
import { httpEvent } from '../functions/http-event.ts';
import type { Rest } from './rules.ts';
import { Sandbox } from './sandbox.ts';
import type { SimulatedConsul } from './simulated-consul.ts';
import { type SimulatedInstance, sessionsOf } from './simulated-instance.ts';
import type { SimulatedQueue } from './simulated-queue.ts';
import type { SimulatedStore } from './simulated-store.ts';
import type { World } from './world.ts';

export interface PlatformOptions {
  readonly world: World;
  /** As the functions get it. */
  readonly fleet: Fleet;
  readonly consul: SimulatedConsul;
  readonly store: SimulatedStore;
  readonly instances: readonly SimulatedInstance[];
  /** How long a function may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly concurrency: number;
  /** No pass is at work, and nothing that one sent is on its way. */
  readonly rested: (rest: Rest) => void;
  /** Between the ports and the outside: where a test breaks a rule on purpose. */
  readonly between?: ((ports: SyncPorts) => SyncPorts) | undefined;
}

/** What a dead sandbox sent may still be on its way for so long. */
const QUIET_MS = 4_000;

type Worker = ReturnType<typeof createWorker>;

export class FunctionsPlatform {
  queue: SimulatedQueue | null = null;
  readonly #options: PlatformOptions;
  readonly #idle: { readonly sandbox: Sandbox; readonly worker: Worker }[] = [];
  #running = 0;
  #count = 0;
  #atWork = 0;
  /** That ever began, and by the last rest. */
  #passes = 0;
  #passesBefore = 0;
  #begun: Rest | null = null;

  constructor(options: PlatformOptions) {
    this.#options = options;
  }

  /** One pass is at work, and no other was since the last rest. */
  get isAlone(): boolean {
    return this.#passes - this.#passesBefore === 1;
  }

  /** Takes batches as long as there are any and nobody else may take them. */
  poll(): void {
    const { queue } = this;
    if (queue === null) return;
    while (this.#running < this.#options.concurrency) {
      const records = queue.receive();
      if (records.length === 0) return;
      this.#running += 1;
      this.#begins();
      void this.#handle(records, queue).finally(() => {
        this.#running -= 1;
        this.#ends();
        this.poll();
      });
    }
  }

  /** The schedule: EventBridge calls the function, at least once. */
  async reconcile(eventId: string): Promise<void> {
    const sandbox = this.#newSandbox('reconcile');
    if (this.#options.world.fault(0.03)) return this.#options.world.tell('the schedule skips one');
    const reconcile = createReconcile(async () => this.#basicPorts(sandbox));
    const event = {
      version: '0',
      id: eventId,
      account: '000000000000',
      time: '2027-01-15T08:00:00Z',
      region: 'us-east-1',
      resources: [],
      source: 'aws.events',
      'detail-type': 'Scheduled Event' as const,
      detail: {},
    };
    await Promise.resolve(reconcile(event, this.#context(sandbox))).catch(() => undefined);
  }

  /** A Consul watch posts; nobody tries again when it fails. */
  async post(service: string, body: string, index: string): Promise<void> {
    const { world } = this.#options;
    const sandbox = this.#newSandbox('webhook');
    const webhook = createWebhook(async () => ({
      ...this.#basicPorts(sandbox),
      isAuthorized: async () => true,
    }));
    const answer = await webhook(httpEvent({ service, body, index }), this.#context(sandbox));
    if (answer.statusCode !== 202) world.tell(`the webhook answers ${answer.statusCode} about ${service}`);
  }

  /** A person's `hitless sync`, beside whatever the functions do. */
  async sync(): Promise<void> {
    const { fleet } = this.#options;
    const sandbox = this.#newSandbox('sync');
    this.#mayDie(sandbox);
    const log = () => {};
    const options = { entries: new Map(), snapshots: 'always' } as const;
    this.#begins();
    const work = passFleet({ ...this.#syncPorts(sandbox), log }, fleet, options).catch(() => undefined);
    await Promise.race([work, sandbox.died]);
    this.#ends();
  }

  #begins(): void {
    const { world } = this.#options;
    this.#atWork += 1;
    this.#passes += 1;
    this.#begun ??= { begunTick: world.tick(), begunMs: world.time.elapsedMs };
  }

  #ends(): void {
    const { world, rested } = this.#options;
    this.#atWork -= 1;
    const begun = this.#begun;
    const count = this.#passes;
    world.time.after(QUIET_MS, () => {
      if (begun === null || this.#atWork > 0 || this.#passes !== count) return;
      this.#begun = null;
      this.#passesBefore = count;
      rested(begun);
    });
  }

  /** A message to a shard, as a fleet that was larger a moment ago left one in the queue. */
  async apply(shard: number, generation: number): Promise<void> {
    const { fleet } = this.#options;
    const sandbox = this.#newSandbox('left-over');
    const message = { version: 1, kind: 'apply', fleet: fleet.name, shard, generation } as const;
    await this.queue
      ?.senderOf(sandbox)
      .send([message], sandbox.name)
      .catch(() => undefined);
  }

  async #handle(records: ReturnType<SimulatedQueue['receive']>, queue: SimulatedQueue): Promise<void> {
    const { world, timeoutMs } = this.#options;
    const warm = this.#idle.pop();
    const { sandbox, worker } = warm ?? this.#newWorker();
    sandbox.batch += 1;
    sandbox.reportsTicks.clear();
    sandbox.groups = new Set(records.flatMap((record) => record.attributes.MessageGroupId ?? []));
    sandbox.mixed = sandbox.groups.size > 1;
    this.#mayDie(sandbox);
    const ids = records.map((record) => record.messageId);
    world.tell(`${sandbox.name} gets ${ids.join(', ')}`);
    const cancel = world.time.after(timeoutMs, () => sandbox.kill('timed out'));
    const work = Promise.resolve(worker({ Records: records }, this.#context(sandbox)));
    const answer = await Promise.race([work.catch(() => undefined), sandbox.died]);
    cancel();
    if (answer === undefined || !sandbox.alive) return;
    const failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    if (failed.size > 0) world.tell(`${sandbox.name} gives back ${[...failed].join(', ')}`);
    queue.done(ids.filter((id) => !failed.has(id)));
    sandbox.dieAfter(null);
    this.#idle.push({ sandbox, worker });
  }

  #mayDie(sandbox: Sandbox): void {
    const { world } = this.#options;
    sandbox.dieAfter(world.fault(0.12) ? world.random.between(1, 60) : null);
  }

  #newSandbox(what: string): Sandbox {
    this.#count += 1;
    return new Sandbox(this.#options.world, `${what}-${this.#count}`);
  }

  #newWorker() {
    const sandbox = this.#newSandbox('worker');
    const worker = createWorker(async () => ({
      ...this.#basicPorts(sandbox),
      returnMessages: async (handles: readonly string[], afterSeconds: number) =>
        this.queue?.returnAfter(handles, afterSeconds * 1_000),
      sync: this.#syncPorts(sandbox),
    }));
    return { sandbox, worker };
  }

  #basicPorts(sandbox: Sandbox) {
    const { fleet, world } = this.#options;
    if (this.queue === null) throw new Error('there is no queue yet');
    return { fleets: [fleet], queue: this.queue.senderOf(sandbox), now: world.time.now };
  }

  #syncPorts(sandbox: Sandbox): SyncPorts {
    const { world, store, consul, instances, between } = this.#options;
    const ports: SyncPorts = {
      store: store.openedBy(sandbox),
      readService: consul.readBy(sandbox),
      openSession: sessionsOf(sandbox, instances),
      now: () => {
        sandbox.askedTimeMs = world.time.now();
        return sandbox.askedTimeMs;
      },
      log: () => {},
    };
    return between === undefined ? ports : between(ports);
  }

  #context(sandbox: Sandbox): Context {
    const { world, timeoutMs } = this.#options;
    const endMs = world.time.elapsedMs + timeoutMs;
    return {
      awsRequestId: sandbox.name,
      callbackWaitsForEmptyEventLoop: true,
      functionName: 'simulated',
      functionVersion: '$LATEST',
      invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:simulated',
      logGroupName: '/aws/lambda/simulated',
      logStreamName: 'simulated',
      memoryLimitInMB: '256',
      getRemainingTimeInMillis: () => Math.max(0, endMs - world.time.elapsedMs),
      done: () => undefined,
      fail: () => undefined,
      succeed: () => undefined,
    };
  }
}
