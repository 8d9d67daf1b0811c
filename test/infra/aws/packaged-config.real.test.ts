import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterEach, expect, test } from 'vitest';
import { packaged } from '../../../infra/aws/bundle/packaged.ts';
import { type TemporaryFolder, temporaryFolder } from '../../../infra/local/temporary-folder.ts';
import type { Fleet } from '../../../lib/model/fleet.ts';

const sources = join(import.meta.dirname, '../../..');
const HITLESS = `
consul: { address: https://consul:8501, datacenter: dc2, ca: tls/ca.pem }
store: s3://bucket/prefix
fleets:
  edge:
    instances: { "2": tls://lb2:9443, "1": tls://lb1:9443, consul: { service: haproxy, scheme: tls, tags: [a] } }
    tls: { ca: ca.pem, cert: client.pem, key: client.key }
    template: cfg/edge.cfg.j2
    backends: { be_b: { service: s, slots: 2 }, be_a: { service: t, slots: 1, keep: 25%, options: "check inter 3s" } }
  core:
    instances: { lb: tcp://10.0.0.1:9999 }
    backends: { be: { service: s } }
`;
const TEMPLATE = `{# A comment. #}
{% macro section(name, lines) %}
backend {{ name | lower }}
{{ lines }}
{% endmacro %}
{% set names = ['be_a', 'be_b'] %}
{% for name in names %}{{ section(name, backends[name]) }}{% if loop.last %}# {{ fleet | upper }}{% endif %}{% endfor %}
`;
/** What the configuration is, and what becomes of its template. */
const PROGRAM = `
import { loadConfig } from '${sources}/lib/config/load-config.ts';
import { renderConfiguration } from '${sources}/lib/render/configuration.ts';
const config = await loadConfig(process.argv[2]);
const rendered = (fleet) => {
  try {
    return renderConfiguration(fleet, { backends: {} });
  } catch ({ name, line, message }) {
    return { name, line, message };
  }
};
console.log(JSON.stringify({ config, rendered: config.fleets.map(rendered) }));
`;

const folders: TemporaryFolder[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});
function temporary(): string {
  const folder = temporaryFolder('packaged');
  folders.push(folder);
  return folder.path;
}

/** The program's answer from the sources, and from a bundle in another folder. */
async function both(template: string) {
  const folder = temporary();
  const files = {
    'hitless.yml': HITLESS,
    'program.ts': PROGRAM,
    'cfg/edge.cfg.j2': template,
    'tls/ca.pem': 'CA',
  };
  for (const part of ['cfg', 'tls']) mkdirSync(join(folder, part));
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  const outdir = temporary();
  await build({
    ...{ entryPoints: [join(folder, 'program.ts')], outdir, bundle: true, format: 'esm', platform: 'node' },
    ...{
      mainFields: ['module', 'main'],
      outExtension: { '.js': '.mjs' },
      external: ['chokidar'],
      logLevel: 'silent',
    },
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    plugins: [packaged(folder, ['tls/ca.pem'])],
  });
  const answer = async (at: string, program: string) => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(at, program),
      join(at, 'hitless.yml'),
    ]);
    return JSON.parse(stdout.replaceAll(at, 'FOLDER'));
  };
  return { sources: await answer(folder, 'program.ts'), bundle: await answer(outdir, 'program.mjs') };
}

test('a package has the same configuration, but for certificates that it takes from SSM', async () => {
  const { sources, bundle } = await both(TEMPLATE);
  // When it was written is not in a package, which has the same bytes wherever it is built.
  const [edge, core] = sources.config.fleets.map(({ writtenAtMs: _, ...fleet }: Fleet) => fleet);
  const { text } = bundle.config.fleets[0].template;
  const sha256 = createHash('sha256').update(edge.template.text).digest('hex');
  const template = { path: 'cfg/edge.cfg.j2', text, sha256 };
  expect(bundle.config).toEqual({ ...sources.config, fleets: [{ ...edge, tls: {}, template }, core] });
  expect(bundle.config.consul.tls).toEqual({ ca: 'FOLDER/tls/ca.pem' });
  expect(edge.instances.map(({ name }: { name: string }) => name)).toEqual(['2', '1']);
});

test('a package renders the same file', async () => {
  const { sources, bundle } = await both(TEMPLATE);
  expect(sources.rendered[0].text).toContain('# EDGE');
  expect(bundle.rendered).toEqual(sources.rendered);
});

test('a package says the same of an unknown variable', async () => {
  const { sources, bundle } = await both(`${TEMPLATE}\n{{ backend_be_a }}`);
  expect(sources.rendered[0]).toMatchObject({
    name: 'TemplateInvalid',
    message: expect.stringContaining('unknown'),
  });
  const message = sources.rendered[0].message.replace('FOLDER/', '');
  expect(bundle.rendered[0]).toEqual({ ...sources.rendered[0], message });
});

test('a template with a mistake is not packaged', async () => {
  await expect(both('{% for %}')).rejects.toThrow(/edge\.cfg\.j2/);
});
