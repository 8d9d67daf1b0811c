/**
 * The configuration as it travels in a package: hitless.yml was read and checked, and its templates are compiled. So
 * the functions need neither YAML's parser nor the schema of hitless.yml nor nunjucks's compiler (190 kB of the worker,
 * 130 kB of the others), and a mistake shows itself before it is deployed.
 */

import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import type { HitlessConfig } from '../../../lib/model/fleet.ts';
import { compileTemplate } from '../../../lib/render/template.ts';

/** Beside a bundle. */
export const PACKAGED_CONFIG = 'hitless.json';

/**
 * JSON for {@link loadConfig} of packaged-config.ts. Paths are relative to `folder`; those of instances' certificates
 * are left out, for a function has them from SSM, and so is when the file was written (`HITLESS_CONFIG_WRITTEN_AT`).
 *
 * @throws TemplateInvalid
 */
export function packagedConfig({ consul, store, fleets }: HitlessConfig, folder: string): string {
  const { ca } = consul.tls;
  const config: HitlessConfig = {
    consul: { ...consul, tls: ca === undefined ? {} : { ca: relative(folder, ca) } },
    store,
    fleets: fleets.map(({ writtenAtMs: _, ...fleet }) => {
      if (fleet.template === null) return { ...fleet, tls: {} };
      const template = { ...fleet.template, path: relative(folder, fleet.template.path) };
      const sha256 = createHash('sha256').update(template.text).digest('hex');
      return { ...fleet, tls: {}, template: { ...template, text: compileTemplate(template), sha256 } };
    }),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
