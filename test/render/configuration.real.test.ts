import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { renderConfiguration } from '../../lib/render/configuration.ts';
import { draining, fleet, free, policy, serving, slots } from './fleet-samples.ts';

const folder = temporaryFolder('render');
afterAll(() => folder.remove());

const template = `defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s

frontend fe
    bind 127.0.0.1:1
    default_backend be_template

backend be_template
    balance roundrobin
    cookie SRV insert indirect
    {{ backends_be_template }}

backend be-plain
    {{ backends_be_plain }}
`;

const policies = [
  policy(),
  policy({
    backend: 'be-plain',
    weights: false,
    server: 's',
    options: '',
    placeholder: { address: '::', port: 80 },
  }),
];
const list = [
  serving('10.0.0.1', 8080, 256),
  draining('10.0.0.2', 65535),
  free,
  serving('2001:db8::1', 1, null),
];

describe.each(await haproxyVersions())('HAProxy $version', ({ version, path }) => {
  test('accepts the configuration, every kind of slot in it', async () => {
    const rendered = renderConfiguration(fleet(template, policies), {
      backends: { be_template: slots(list), 'be-plain': slots(list, 's') },
    });
    const file = join(folder.path, `haproxy-${version}.cfg`);
    await writeFile(file, rendered?.text ?? '');
    const { stderr } = await promisify(execFile)(path, ['-c', '-f', file]);
    expect(stderr).not.toMatch(/ALERT|WARNING/);
  });

  test('accepts 4,000 slots', async () => {
    const many = Array.from({ length: 4000 }, (_, index) => serving(`10.1.${index >> 8}.${index & 255}`, 80));
    const rendered = renderConfiguration(fleet(template, policies), {
      backends: { be_template: slots(many) },
    });
    const file = join(folder.path, `many-${version}.cfg`);
    await writeFile(file, rendered?.text ?? '');
    await promisify(execFile)(path, ['-c', '-f', file]);
  });
});
