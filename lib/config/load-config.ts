/** hitless.yml from disk. */

import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readFile, readFileOrPipe } from '../files/read-file.ts';
import type { Fleet, HitlessConfig } from '../model/fleet.ts';
import { LARGEST_FILE_BYTES } from '../model/limits.ts';
import { ConfigInvalid } from './config-invalid.ts';
import { parseConfig } from './parse-config.ts';

/**
 * Reads the configuration file and the templates it names; paths in it are relative to its folder and come back
 * absolute. TLS files are not opened. A fleet is as new as the newer of both files; no newer than now, whatever they say.
 *
 * @throws ConfigInvalid with everything that is wrong: a file that is missing or cannot be read, too.
 */
export async function loadConfig(path: string): Promise<HitlessConfig> {
  const config = parseConfig(await textOf(path), {
    file: path,
    folder: dirname(resolve(path)),
    readTemplate: (template) => readFile(template, LARGEST_FILE_BYTES.template),
  });
  return { ...config, fleets: config.fleets.map((fleet) => ({ ...fleet, ...writtenAt(path, fleet) })) };
}

/** Unknown where the files are none, as a configuration that is piped in, or are gone by now. */
function writtenAt(path: string, { template }: Fleet): Pick<Fleet, 'writtenAtMs'> {
  try {
    const files = [path, ...(template === null ? [] : [template.path])].map((file) => statSync(file));
    if (!files.every((file) => file.isFile())) return {};
    const writtenAtMs = Math.max(0, ...files.map(({ mtimeMs }) => Math.floor(mtimeMs)));
    return { writtenAtMs: Math.min(writtenAtMs, Date.now()) };
  } catch {
    return {};
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFileOrPipe(path, LARGEST_FILE_BYTES.config);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const problem = missing
      ? 'there is no such file (name another one with --config)'
      : `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new ConfigInvalid(path, [{ line: null, key: '', problem }], error);
  }
}
