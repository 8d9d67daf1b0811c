import type { Rule } from '../rules.ts';
import type { Sandbox } from '../sandbox.ts';

/** Between the first and the last instance that a pass calls; all it does in between is to make connections. */
const TOGETHER_MS = 1_000;

export const badInstances: Rule = {
  number: 8,
  name: 'bad-instances',
  sentence: 'A pass calls all its instances at once: none waits until another one, dead or slow, is done.',

  watch(_scene, violated) {
    interface Calls {
      readonly batch: number;
      readonly firstMs: number;
      readonly called: Set<string>;
    }
    const calls = new Map<Sandbox, Calls>();
    return {
      attempted(sandbox, instance) {
        const nowMs = performance.now();
        const known = calls.get(sandbox);
        const { batch, mixed } = sandbox;
        if (known?.batch !== batch || mixed || known.called.has(instance.name)) {
          calls.set(sandbox, { batch, firstMs: nowMs, called: new Set([instance.name]) });
          return;
        }
        known.called.add(instance.name);
        const waitedMs = nowMs - known.firstMs;
        if (waitedMs > TOGETHER_MS)
          violated(
            `${sandbox.name} called ${instance.name} only ${Math.round(waitedMs)} ms after the others`,
          );
      },
    };
  },
};
