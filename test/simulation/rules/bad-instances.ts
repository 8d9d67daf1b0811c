import type { Rule } from '../rules.ts';
import type { Sandbox } from '../sandbox.ts';

/** Between the first and the last instance that a pass calls; all it does in between is to make connections. */
const TOGETHER_MS = 1_000;

export const badInstances: Rule = {
  number: 8,
  name: 'bad-instances',
  sentence: 'A pass calls all its instances at once: none waits until another one, dead or slow, is done.',

  watch({ fleet }, violated) {
    interface Round {
      readonly firstMs: number;
      readonly called: Set<string>;
    }
    interface Pass {
      readonly batch: number;
      /** When the newest round began. */
      firstMs: number;
      /** By shard: a pass that finds a newer table calls those of a shard once more. */
      readonly rounds: Map<number, Round>;
    }
    const passes = new Map<Sandbox, Pass>();
    return {
      attempted(sandbox, { name }) {
        const { batch, mixed } = sandbox;
        const nowMs = performance.now();
        const known = passes.get(sandbox);
        const pass = known?.batch === batch && !mixed ? known : { batch, firstMs: nowMs, rounds: new Map() };
        passes.set(sandbox, pass);
        const shard = Math.floor(fleet.instances.findIndex((one) => one.name === name) / fleet.shard);
        let round = pass.rounds.get(shard) ?? { firstMs: pass.firstMs, called: new Set<string>() };
        if (round.called.has(name)) {
          pass.firstMs = nowMs;
          round = { firstMs: nowMs, called: new Set() };
        }
        pass.rounds.set(shard, round);
        round.called.add(name);
        const waitedMs = nowMs - round.firstMs;
        if (waitedMs > TOGETHER_MS)
          violated(`${sandbox.name} called ${name} only ${Math.round(waitedMs)} ms after the others`);
      },
    };
  },
};
