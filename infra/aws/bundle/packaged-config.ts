/** Stands in for lib/config/load-config.ts in the bundles: reads what package-config.ts wrote. */

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HitlessConfig } from '../../../lib/model/fleet.ts';
import { PACKAGED_CONFIG } from './package-config.ts';

/** @param path of the hitless.yml that would be there if this were no package. */
export async function loadConfig(path: string): Promise<HitlessConfig> {
  const folder = dirname(path);
  const config: HitlessConfig = JSON.parse(await readFile(join(folder, PACKAGED_CONFIG), 'utf8'));
  const { consul } = config;
  const { ca } = consul.tls;
  return ca === undefined ? config : { ...config, consul: { ...consul, tls: { ca: join(folder, ca) } } };
}
