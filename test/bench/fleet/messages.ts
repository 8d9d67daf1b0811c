/** What the processes of the fleet benchmarks are asked, and what they answer. */

import * as v from 'valibot';

/** `dead` accepts and never answers; `slow` takes a while for each chunk that it receives. */
const behaviour = v.picklist(['good', 'slow', 'dead']);
export type Behaviour = v.InferOutput<typeof behaviour>;

/** To the process with the simulated HAProxies. */
export const simulatedRequest = v.variant('do', [
  v.object({
    do: v.literal('start'),
    backend: v.string(),
    slots: v.number(),
    behaviours: v.array(behaviour),
    slowMs: v.number(),
  }),
  v.object({ do: v.literal('show') }),
]);

/** To `start`. */
export const listening = v.object({ ports: v.array(v.number()) });
/** To `show`: what each of them answers to `show servers state BACKEND`. */
export const shown = v.object({ states: v.array(v.string()) });

/** To the process that does the passes. */
export const invocationRequest = v.variant('do', [
  v.object({
    do: v.literal('start'),
    /** Of the instances' Runtime APIs. */
    ports: v.array(v.number()),
    slots: v.number(),
    /** Null: a store in memory. */
    s3: v.nullable(v.object({ endpoint: v.string(), bucket: v.string() })),
    timeoutMs: v.number(),
  }),
  /** With this many endpoints registered. */
  v.object({ do: v.literal('pass'), endpoints: v.number() }),
]);

/** To `pass`. */
export const passDone = v.object({
  wallMs: v.number(),
  cpuMs: v.number(),
  /** Over the Runtime API, both ways. */
  runtimeBytes: v.number(),
  storeBytes: v.number(),
  gets: v.number(),
  puts: v.number(),
  /** The most that this process has ever had in memory. */
  peakMb: v.number(),
  converged: v.number(),
  /** From the beginning of the pass to the end of each instance's application. */
  appliedMs: v.record(v.string(), v.number()),
});
export type PassDone = v.InferOutput<typeof passDone>;
