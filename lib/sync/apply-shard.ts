/** A table applied to the instances of one shard, and what was found out about them kept. */

import type { LimitFunction } from 'p-limit';
import { type Applied, type ApplyOptions, applyInstance, together } from './apply-instance.ts';
import { type Knowledge, knowledgeOf, type TableAt } from './knowledge.ts';
import { momentNow } from './moment.ts';
import type { SyncPorts } from './ports.ts';
import { keepReports, recallShard, type Shard, type ShardMemory } from './shard-reports.ts';

/** Whoever publishes or reports more often while we apply finishes the work himself. */
const MOST_TIMES = 3;

export interface RecalledShard {
  readonly shard: Shard;
  /** May have begun before the table was known. */
  readonly recalling: Promise<ShardMemory>;
}

/**
 * Never throws for an instance; the answer has the order of the shard's instances.
 *
 * Somebody else may publish a newer table and apply it while we still send what the older one asks for (a `sync` on
 * the command line beside the worker: the queue itself has one pass of a fleet or shard at a time). So whoever sent
 * something looks at the table again before he ends, and brings his instances to the newer one. And whoever finds other
 * holds reported than he has seen looks at the instances again: what is reported last was then seen last.
 *
 * @param limit of connections at the same time.
 */
export async function applyToShard(
  ports: SyncPorts,
  begin: TableAt,
  { shard, recalling }: RecalledShard,
  limit: LimitFunction,
  options: ApplyOptions,
): Promise<readonly Applied[]> {
  let knowledge = knowledgeOf(ports, shard, begin, recalling);
  let { applied, isContested } = await applyOnce(ports, shard, knowledge, limit, options);
  for (let times = 1; times < MOST_TIMES; times += 1) {
    const sent = applied.filter(({ report }) => report.commands > 0);
    if ((sent.length === 0 && !isContested) || options.signal?.aborted === true) break;
    const newest = await knowledge.since(momentNow(ports.now));
    const isNewest = sent.every(({ report }) => report.generation >= newest.table.generation);
    if (isNewest && !isContested) break;
    const before = applied;
    knowledge = knowledgeOf(ports, shard, newest, recallShard(ports, shard));
    const after = await applyOnce(ports, shard, knowledge, limit, options);
    applied = after.applied.map((later, index) => together(before[index], later));
    isContested = after.isContested;
  }
  return applied;
}

async function applyOnce(
  ports: SyncPorts,
  shard: Shard,
  knowledge: Knowledge,
  limit: LimitFunction,
  options: ApplyOptions,
): Promise<{ readonly applied: readonly Applied[]; readonly isContested: boolean }> {
  const { fleet, instances } = shard;
  const applied = await Promise.all(
    instances.map((instance) =>
      limit(async () => {
        const one = await applyInstance(ports, fleet, instance, knowledge, options);
        options.onApplied?.();
        return one;
      }),
    ),
  );
  const { memory } = await knowledge.current();
  const all = options.snapshots === 'always';
  const isContested = await keepReports(ports, shard, memory, applied, { all });
  return { applied, isContested };
}
