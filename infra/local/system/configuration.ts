/** The hitless.yml of the local system, and the configuration that its HAProxies start from. */

import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { loadConfig } from '../../../lib/config/load-config.ts';
import { renderConfiguration } from '../../../lib/render/configuration.ts';

export const FLEET = 'edge';
export const SERVICE = 'my-cluster';
export const BACKEND = 'be_template';

const template = fileURLToPath(new URL('../edge.cfg.j2', import.meta.url));

/** Keys of a backend in hitless.yml; what is not told is as hitless.yml has it by default. */
export type BackendSettings = Readonly<
  Partial<
    Record<'spare' | 'slots', number> &
      Record<'drain' | 'keep' | 'hold' | 'options', string> &
      Record<'allow_empty' | 'weights', boolean>
  >
>;

/** As the article has it: a hundred slots `websrv1`, `websrv2`, … with a cookie each. */
const articleSettings: BackendSettings = { slots: 100, options: 'cookie {{ server }} check' };

export interface ConfigurationParts {
  readonly consulUrl: string;
  /** Like `s3://bucket/prefix`. */
  readonly store: string;
  /** Runtime API addresses by instance name. */
  readonly instances: Readonly<Record<string, string>>;
  readonly backend: BackendSettings;
}

export interface LocalConfiguration {
  readonly path: string;
  readonly templatePath: string;
}

/** Writes `hitless.yml`, and its template beside it. */
export async function writeConfiguration(
  folder: string,
  parts: ConfigurationParts,
): Promise<LocalConfiguration> {
  const path = join(folder, 'hitless.yml');
  const templatePath = join(folder, 'edge.cfg.j2');
  const document = {
    consul: { address: parts.consulUrl },
    store: parts.store,
    fleets: {
      [FLEET]: {
        instances: parts.instances,
        template: 'edge.cfg.j2',
        backends: {
          [BACKEND]: { service: SERVICE, server: 'websrv', ...articleSettings, ...parts.backend },
        },
      },
    },
  };
  await copyFile(template, templatePath);
  await writeFile(path, stringify(document));
  return { path, templatePath };
}

/**
 * What every HAProxy starts from: the template with nobody in its slots. A configuration needs no instances for
 * that, but hitless.yml does, and they are not there yet: so it is read once with an instance that nobody asks.
 *
 * @param folder for the hitless.yml of that one reading; `writeConfiguration` replaces it.
 */
export async function firstHaproxyConfiguration(folder: string, backend: BackendSettings): Promise<string> {
  const instances = { none: 'unix:///none' };
  const parts = { consulUrl: 'http://127.0.0.1', store: 's3://none', instances, backend };
  const { path } = await writeConfiguration(folder, parts);
  const [fleet] = (await loadConfig(path)).fleets;
  const rendered = fleet && renderConfiguration(fleet, { backends: {} });
  if (!rendered) throw new Error(`${await readFile(path, 'utf8')}\nrenders no configuration`);
  return rendered.text;
}
