import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BackendPolicy } from '../../lib/model/fleet.ts';
import type { BackendSlots, Slot } from '../../lib/model/slot-table.ts';
import { renderConfiguration } from '../../lib/render/configuration.ts';
import { TemplateInvalid } from '../../lib/render/template-invalid.ts';
import { draining, fleet, free, policy, serving, slots } from './fleet-samples.ts';

const template = 'backend be_template\n    balance roundrobin\n    {{ backends_be_template }}\n';

function textOf(
  text: string,
  backends?: readonly BackendPolicy[],
  table: Record<string, BackendSlots> = {},
): string {
  return renderConfiguration(fleet(text, backends), { backends: table })?.text ?? 'nothing';
}

describe('the configuration', () => {
  const lines = [
    '    server websrv1 10.0.0.1:80 weight 1 check',
    '    server websrv2 0.0.0.0:80 weight 1 check disabled',
  ].join('\n');
  const table = { be_template: slots([serving('10.0.0.1', 80), free]) };
  const indented = [
    { what: 'not indented, as in the article', text: 'backend be_template\n{{ backends_be_template }}\n' },
    { what: 'indented like the lines', text: 'backend be_template\n    {{ backends_be_template }}\n' },
    { what: 'indented by a tab', text: 'backend be_template\n\t{{ backends_be_template }}\n' },
    { what: 'in a table of all backends', text: "backend be_template\n {{ backends['be_template'] }}\n" },
    { what: 'without a newline at the end', text: 'backend be_template\n{{ backends_be_template }}' },
    { what: 'with empty lines at the end', text: 'backend be_template\n{{ backends_be_template }}\n\n  \n' },
  ];
  test.each(indented)('has the lines in place when the variable is $what', ({ text }) => {
    expect(textOf(text, [policy({ options: 'check' })], table)).toBe(`backend be_template\n${lines}\n`);
  });

  test('keeps the rest of the template byte for byte, quotes and all', () => {
    const rest = `global\n  log-format "%ci <%[src]> & 'a'"\n\nbackend be_template\n`;
    expect(
      textOf(
        `${rest}{{ backends_be_template }}\n\nlisten stats\n  mode http\n`,
        [policy({ options: 'check' })],
        table,
      ),
    ).toBe(`${rest}${lines}\n\nlisten stats\n  mode http\n`);
  });

  test('can be made with what Jinja2 offers, and knows its fleet', () => {
    const text = `# {{ fleet }}{# a comment #}
{% for name in ['a', 'b'] %}backend {{ name }}
{{ backends[name] }}
{% endfor %}`;
    const backends = [
      policy({ backend: 'a', slots: 1, options: '' }),
      policy({ backend: 'b', slots: 1, options: '' }),
    ];
    expect(textOf(text, backends)).toBe(
      '# edge\nbackend a\n    server websrv1 0.0.0.0:80 weight 1 disabled\nbackend b\n    server websrv1 0.0.0.0:80 weight 1 disabled\n',
    );
  });

  test('offers a name with - and . also with _, but not when it could mean two backends', () => {
    const one = (backend: string, server: string) => policy({ backend, server, slots: 1, options: '' });
    const text = (names: Record<string, string>) =>
      Object.entries(names)
        .map(([name, variable]) => `backend ${name}\n{{ ${variable} }}\n`)
        .join('');
    const names = { 'be-x.y': 'backends_be_x_y', 'be-a': "backends['be-a']", be_a: 'backends_be_a' };
    expect(textOf(text(names), [one('be-x.y', 's'), one('be-a', 't'), one('be_a', 'u')])).toMatch(
      /backend be-x\.y\n {4}server s1 .*\nbackend be-a\n {4}server t1 .*\nbackend be_a\n {4}server u1 /,
    );
    const shared = { 'be-a': 'backends_be_a', 'be.a': 'backends_be_a' };
    expect(() => textOf(text(shared), [one('be-a', 't'), one('be.a', 'u')])).toThrow('unknown variable');
  });

  test('has all declared slots of a backend that the table does not have yet', () => {
    expect(textOf(template).match(/disabled/g)).toHaveLength(3);
    expect(textOf("backend valueOf\n{{ backends['valueOf'] }}", [policy({ backend: 'valueOf' })])).toContain(
      'websrv3',
    );
  });

  test('takes the servers’ names from the table, where they live', () => {
    expect(textOf(template, undefined, { be_template: slots([free], 'old') })).toContain('server old1 ');
  });

  test('is not rendered without a template', () => {
    expect(renderConfiguration({ ...fleet(''), template: null }, { backends: {} })).toBeNull();
  });

  test('has the digest that sha256sum prints for the file', () => {
    const rendered = renderConfiguration(fleet(`# é\n${template}`), { backends: {} });
    expect(rendered?.digests.sha256).toBe(
      createHash('sha256')
        .update(rendered?.text ?? '', 'utf8')
        .digest('hex'),
    );
  });
});

describe('a template is refused', () => {
  const at = '/etc/hitless/edge.cfg.j2';
  const invalid = [
    {
      what: 'without the servers',
      text: 'backend be_template\n',
      says: `${at}: has no servers of be_template: put {{ backends_be_template }} into its backend`,
    },
    {
      what: 'with the servers in a comment',
      text: '# {{ backends_be_template }}\n',
      says: `${at}: the servers of be_template need a line of their own`,
    },
    {
      what: 'with the servers twice in a line',
      text: '{{ backends_be_template }}{{ backends_be_template }}',
      says: `${at}: the servers of be_template need a line of their own`,
    },
    {
      what: 'with the servers in another backend',
      text: 'backend be_templates\n{{ backends_be_template }}\n',
      says: `${at}: the servers of be_template are in the section \`backend be_templates\``,
    },
    {
      what: 'with the servers in a frontend',
      text: 'frontend be_template\n{{ backends_be_template }}\n',
      says: `${at}: the servers of be_template are in the section \`frontend be_template\``,
    },
    {
      what: 'with an unknown variable',
      text: 'global\n\n  {{ backends_be_tmplate }}',
      says: `${at}:3: unknown variable, known are backends_be_template, backends, fleet`,
    },
    {
      what: 'with an unknown backend',
      text: "{{ backends['nope'] }}",
      says: `${at}:1: unknown variable, known are backends_be_template, backends, fleet`,
    },
    { what: 'with a mistake', text: 'global\n{% if %}', says: `${at}:2: unexpected token: %}` },
    { what: 'left open', text: '{{ ', says: `${at}: expected expression, got end of file` },
    { what: 'with an unknown filter', text: '{{ fleet | shout }}', says: `${at}: filter not found: shout` },
    {
      what: 'with an unknown function',
      text: 'global\n{{ shout() }}',
      says: `${at}:2: Unable to call \`shout\`, which is undefined or falsey`,
    },
    {
      what: 'that includes a file',
      text: '{% include "/etc/passwd" %}',
      says: `${at}: template not found: /etc/passwd`,
    },
  ];
  test.each(invalid)('$what', ({ text, says }) => {
    expect(() => textOf(text)).toThrow(TemplateInvalid);
    expect(() => textOf(text)).toThrow(expect.objectContaining({ message: says }));
  });

  test('when it has the servers of one backend of two', () => {
    const backends = [policy(), policy({ backend: 'be-api' })];
    expect(() => textOf(template, backends)).toThrow(
      `${at}: has no servers of be-api: put {{ backends['be-api'] }} into its backend`,
    );
  });
});

describe('the structure digest', () => {
  const address = fc.oneof(fc.ipV4(), fc.constant('2001:db8::1'));
  const port = fc.integer({ min: 1, max: 65535 });
  const weight = fc.option(fc.integer({ min: 0, max: 256 }));
  const slot: fc.Arbitrary<Slot> = fc.oneof(
    fc.constant(free),
    fc.tuple(address, port, weight).map((place) => serving(...place)),
    fc.tuple(address, port, weight).map((place) => draining(...place)),
  );
  const table = fc.array(slot, { minLength: 1, maxLength: 20 });

  function structureOf(
    list: readonly Slot[],
    differs: Partial<BackendPolicy> = {},
    text = template,
  ): string | undefined {
    const rendered = renderConfiguration(fleet(text, [policy(differs)]), {
      backends: { be_template: slots(list) },
    });
    return rendered?.digests.structure;
  }

  test('does not change with addresses, ports, weights and states, nor with the placeholder', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        address,
        port,
        fc.boolean(),
        fc.gen(),
        (size, ip, number, weights, gen) => {
          const some = gen(fc.array, slot, { minLength: size, maxLength: size });
          const others = gen(fc.array, slot, { minLength: size, maxLength: size });
          expect(structureOf(others, { placeholder: { address: ip, port: number }, weights })).toBe(
            structureOf(some),
          );
        },
      ),
    );
  });

  test('changes with the number of slots, the options, the names and every byte of the template', () => {
    fc.assert(
      fc.property(table, (list) => {
        const structure = structureOf(list);
        expect(structureOf([...list, free])).not.toBe(structure);
        expect(structureOf(list, { options: 'check' })).not.toBe(structure);
        expect(structureOf(list, {}, template.replace('roundrobin', 'leastconn'))).not.toBe(structure);
        const renamed = renderConfiguration(fleet(template), {
          backends: { be_template: slots(list, 'srv') },
        });
        expect(renamed?.digests.structure).not.toBe(structure);
      }),
    );
  });

  test('and the text are the same for the same table, and the text differs when a server does', () => {
    fc.assert(
      fc.property(table, table, (some, others) => {
        const render = (list: readonly Slot[]) =>
          renderConfiguration(fleet(template), { backends: { be_template: slots(list) } });
        expect(render(some)).toEqual(render(structuredClone(some)));
        const same = JSON.stringify(shownOf(some)) === JSON.stringify(shownOf(others));
        expect(render(some)?.text === render(others)?.text).toBe(same);
      }),
    );
  });
});

/** What a file can say about slots. */
function shownOf(list: readonly Slot[]) {
  return list.map((slot) =>
    slot.state === 'free'
      ? 'free'
      : [slot.address, slot.port, slot.state === 'draining' ? 0 : (slot.weight ?? 1)],
  );
}
