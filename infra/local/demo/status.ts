/** `hitless status`, run as an operator runs it. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { BACKEND, FLEET } from '../system/configuration.ts';
import type { LocalSystem } from '../system.ts';

const program = fileURLToPath(new URL('../../../lib/cli/hitless.ts', import.meta.url));
const STATUS_MS = 20_000;

const statusDocument = v.object({
  fleets: v.object({
    [FLEET]: v.object({
      generation: v.number(),
      backends: v.object({
        [BACKEND]: v.object({ withheld: v.array(v.object({ slot: v.string(), reason: v.string() })) }),
      }),
    }),
  }),
});

/** The slots whose removal is withheld, and why. */
export async function withheldSlots(
  system: LocalSystem,
): Promise<readonly { readonly slot: string; readonly reason: string }[]> {
  const document = v.parse(statusDocument, JSON.parse(await hitless(system, 'status', '--json')));
  return document.fleets[FLEET].backends[BACKEND].withheld;
}

/** What a person reads. */
export function statusText(system: LocalSystem): Promise<string> {
  return hitless(system, 'status');
}

async function hitless(system: LocalSystem, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [program, ...args, '--config', system.configuration.path],
    { env: { ...process.env, ...system.environment, NO_COLOR: '1' }, timeout: STATUS_MS },
  );
  return stdout.trimEnd();
}
