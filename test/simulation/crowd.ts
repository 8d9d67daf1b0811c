/** Several passes that are asked for at the same moment, and what happens while they are at work. */

import type { Cast } from './course.ts';
import type { Random } from './random.ts';

/** Within how many milliseconds they begin. */
const SPREADS_MS = [0, 0, 5, 40, 300];
/** When, from their beginning, something else happens. */
const MEANWHILE_MS = [0, 5, 15, 30, 60, 120, 400];

/**
 * From two to six: of people or crons (`hitless sync`), of workers (`changed`, `reconcile`, and an `apply` that was left
 * over when the fleet was larger), each in a message group of its own or in none.
 *
 * @param meanwhile what else may happen.
 */
export function gather(cast: Cast, random: Random, meanwhile: readonly (() => void)[]): void {
  const { world, platform } = cast;
  const spreadMs = random.pick(SPREADS_MS);
  const count = random.between(2, 6);
  world.tell(`${count} passes at once`);
  for (let pass = 0; pass < count; pass += 1) {
    const dice = random.next();
    world.time.after(random.between(0, spreadMs), () => {
      if (dice < 0.6) void platform.sync();
      else if (dice < 0.85) void platform.apply(0, 1);
      else void platform.reconcile(`crowd ${world.serial()}`);
    });
  }
  for (let event = random.between(0, 3); event > 0; event -= 1) {
    const what = random.pick(meanwhile);
    world.time.after(random.pick(MEANWHILE_MS), what);
  }
}

/** An endpoint is critical, and passing again a moment later. */
export function flap({ world, consul }: Cast, random: Random): void {
  const service = random.pick(consul.services());
  const up = consul.registrations(service).filter(({ status }) => status === 'passing');
  if (up.length === 0) return;
  const { id } = random.pick(up);
  consul.change(service, id, 'is critical for a moment', (one) => {
    one.status = 'critical';
  });
  world.time.after(random.pick([5, 20, 40, 80, 200, 1_000]), () =>
    consul.change(service, id, 'is passing again', (one) => {
      one.status = 'passing';
    }),
  );
}
