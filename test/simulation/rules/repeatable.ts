import { targetOf } from '../haproxy-process.ts';
import type { Rule } from '../rules.ts';
import { namedSlots, servingTargets } from './named-slots.ts';

export const repeatable: Rule = {
  number: 7,
  name: 'repeatable',
  sentence:
    'Whatever is doubled, reordered, concurrent or killed: the table is only written conditionally, its generation rises by one, a generation is never rewritten, an endpoint has one slot and stays in it.',

  watch({ fleet }, violated) {
    return {
      written({ key, body, previous, conditional }) {
        if (key.endsWith(`${fleet.name}/slots.json`) && !conditional)
          violated(`${key} was written unconditionally`);
        if (/\/generations\//.test(key) && previous !== null && previous !== body)
          violated(`${key} was written again, with other content`);
      },

      published({ table, previous }) {
        const expected = (previous?.generation ?? 0) + 1;
        if (table.generation !== expected) violated(`generation ${table.generation} follows ${expected - 1}`);
        for (const { backend } of fleet.backends) {
          const targets = namedSlots(table, backend).flatMap(({ target }) => target ?? []);
          if (new Set(targets).size < targets.length) violated(`an endpoint has two slots of ${backend}`);
          for (const [target, { name }] of servingTargets(previous, backend)) {
            const now = servingTargets(table, backend).get(target);
            if (now !== undefined && now.name !== name)
              violated(`${target} moves from ${name} to ${now.name} in generation ${table.generation}`);
          }
        }
      },
    };
  },
};

export const oneTenant: Rule = {
  number: 7,
  name: 'one-tenant',
  sentence: 'In the end no endpoint is in rotation twice in one backend of one instance.',

  watch({ instances }, violated) {
    return {
      healed() {
        for (const { process } of instances) {
          for (const backend of process?.backends() ?? []) {
            const targets = (process?.rotation(backend) ?? []).map(targetOf);
            if (new Set(targets).size < targets.length)
              violated(`${backend} of ${process?.instance} has an endpoint twice: ${targets.join(', ')}`);
          }
        }
      },
    };
  },
};
