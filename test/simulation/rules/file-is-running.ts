import { createHash } from 'node:crypto';
import { decodeCurrentConfiguration } from '../../../lib/store/current-document.ts';
import { adminWord, targetOf } from '../haproxy-process.ts';
import type { Rule, Scene } from '../rules.ts';
import { readServerLines } from '../server-lines-of.ts';
import type { SimulatedInstance } from '../simulated-instance.ts';
import { isAllHeld, isLeftAlone } from './heals.ts';

export const fileIsRunning: Rule = {
  number: 9,
  name: 'file-is-running',
  sentence:
    'In the end the configuration file has what every instance runs: address, port, weight and slot, operator-held servers apart.',

  watch(scene, violated) {
    return {
      healed() {
        const folder = `fleets/${scene.fleet.name}`;
        const file = scene.store.read(`${folder}/haproxy.cfg`) ?? '';
        const current = scene.store.read(`${folder}/current.json`);
        const { sha256, generation } =
          current === null
            ? { sha256: '', generation: 0 }
            : decodeCurrentConfiguration('current.json', current);
        const table = scene.published.at(-1)?.table;
        if (table?.generation !== generation)
          violated(`current.json has generation ${generation}, the table ${table?.generation}`);
        if (createHash('sha256').update(file).digest('hex') !== sha256)
          violated('haproxy.cfg is not what current.json says');
        for (const instance of scene.instances) compare(scene, instance, file, violated);
      },
    };
  },
};

function compare(
  scene: Scene,
  instance: SimulatedInstance,
  file: string,
  violated: (what: string) => void,
): void {
  const alone = scene.fleet.backends.filter((policy) => isLeftAlone(scene, policy)).map((one) => one.backend);
  for (const line of readServerLines(file).filter((one) => !alone.includes(one.backend))) {
    const { backend, name, weight, disabled } = line;
    const seen = instance.process?.server(backend, name);
    const where = `${backend}/${name} on ${instance.name}`;
    if (seen === undefined) {
      if (!disabled) violated(`${where} is in the file and not in the process`);
      continue;
    }
    const held = scene.holds.of(instance.name, backend, name) !== undefined;
    if (held || isAllHeld(scene, instance, backend)) continue;
    // A parked server stays at our mark; the file gives it its real weight.
    const weightOf = (own: number) => (disabled ? null : own);
    const asWritten = {
      place: targetOf(line),
      weight: weightOf(weight),
      admin: disabled ? 'maint' : 'ready',
    };
    const asRunning = { place: targetOf(seen), weight: weightOf(seen.weight), admin: adminWord(seen.admin) };
    if (JSON.stringify(asWritten) !== JSON.stringify(asRunning))
      violated(`${where}: the file has ${JSON.stringify(asWritten)}, it runs ${JSON.stringify(asRunning)}`);
  }
}
