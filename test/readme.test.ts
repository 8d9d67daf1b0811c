/** The README's own examples: what it shows is what Hitless does. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../lib/config/parse-config.ts';
import packageJson from '../package.json' with { type: 'json' };
import { runHitless } from './cli/run-hitless.ts';

const top = resolve(import.meta.dirname, '..');
const readme = readFileSync(resolve(top, 'README.md'), 'utf8');

/** The text of the code blocks of one language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(
    ([, text = '']) => text,
  );
}

test('the example of hitless.yml is accepted, and its key table names every default', () => {
  const source = {
    file: 'hitless.yml',
    folder: '/etc/hitless',
    readTemplate: () => '{{ backends_be_template }}',
  };
  const [example = ''] = blocks('yaml');
  const { fleets } = parseConfig(example, source);
  expect(fleets[0]?.backends[0]).toMatchObject({ service: 'my-cluster', server: 'websrv', slots: 100 });

  const short =
    'store: file:/x\nfleets: { f: { instances: { a: unix:///a }, backends: { b: { service: s } } } }';
  const [backend] = parseConfig(short, source).fleets[0]?.backends ?? [];
  expect(backend).toMatchObject({
    server: 'srv',
    slots: 10,
    spare: 4,
    options: 'check',
    keep: 0.5,
    allowEmpty: false,
  });
  for (const shown of ['`srv`', '`10`, `4`', '`check`', '`0.0.0.0:80`', '`30s`', '`50%`, `60s`']) {
    expect(readme).toContain(shown);
  }
  expect([backend?.drainMs, backend?.holdMs]).toEqual([30_000, 60_000]);
});

test('the example of instances from Consul is accepted', () => {
  const source = { file: 'hitless.yml', folder: '/etc/hitless', readTemplate: () => '' };
  const [, example = ''] = blocks('yaml');
  const own = example.replace(/^/gm, '    ');
  const { fleets } = parseConfig(
    `store: file:/x\nfleets:\n  edge:\n${own}\n    backends: { b: { service: s } }`,
    source,
  );
  expect(fleets[0]).toMatchObject({
    instances: [{ name: 'lb1' }],
    instancesFrom: { service: 'haproxy-runtime', scheme: 'tls', tags: ['edge'] },
  });
});

test('the watch configuration is JSON, and its command line is one that sync knows', async () => {
  const [watch = ''] = blocks('json');
  const { watches } = JSON.parse(watch);
  const [, command, , , bodyOption] = watches[0].args;
  const help = await runHitless([command, '--help']);
  expect(help.code).toBe(0);
  expect(help.stdout).toContain(bodyOption);
});

test('every npm script that is named exists', () => {
  const named = [...readme.matchAll(/`?npm (?:run (?:-s )?)?([a-z:]+)/g)].flatMap(([, script = '']) =>
    ['link', 'ci', 'registry', 'pack', 'install'].includes(script) ? [] : [script],
  );
  expect(named.length).toBeGreaterThan(4);
  for (const script of named) expect(Object.keys(packageJson.scripts)).toContain(script);
});

describe('the command table', () => {
  const commands = [...readme.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, command = '']) => command);

  test.each(
    commands.filter((command) => /^(check|plan|sync|run|status|render|release)$/.test(command)),
  )('%s has help', async (command) => {
    expect((await runHitless([command, '--help'])).code).toBe(0);
  });

  test('links lead somewhere', () => {
    for (const [, path = ''] of readme.matchAll(/\]\(((?!https?:)[^)#]+)\)/g)) {
      expect(() => readFileSync(resolve(top, path)), path).not.toThrow();
    }
  });
});
