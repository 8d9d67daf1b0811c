/** A load balancer's host, on which `hitless-pull` runs: its own state folder, a reload command that really reloads. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FLEET } from '../system/configuration.ts';
import type { LocalInstance, LocalSystem } from '../system.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const program = fileURLToPath(new URL('../../host/hitless-pull', import.meta.url));
const PULL_MS = 30_000;

export interface Host {
  /**
   * Runs hitless-pull once, as its timer would.
   *
   * @returns the line it printed.
   * @throws Error with its words when its exit code is not 0.
   */
  pull(): Promise<string>;
  /** How often it reloaded HAProxy. */
  reloads(): number;
  remove(): void;
}

export function createHost(system: LocalSystem, { haproxy }: LocalInstance): Host {
  const folder = temporaryFolder('host');
  const counter = join(folder.path, 'reloads');
  const { emulator, bucket, prefix } = system;
  const environment = {
    PATH: process.env.PATH,
    ...haproxy.environment,
    ...system.environment,
    HITLESS_STORE: `s3://${bucket}/${prefix}`,
    HITLESS_ENDPOINT: emulator.s3Endpoint,
    HITLESS_FLEET: FLEET,
    HITLESS_CONFIG_FILE: haproxy.configurationPath,
    HITLESS_STATE_DIR: join(folder.path, 'state'),
    HITLESS_HAPROXY: haproxy.binary,
  };
  return {
    pull() {
      const HITLESS_RELOAD = `echo reload >> ${counter} && kill -USR2 ${haproxy.masterPid}`;
      return new Promise((resolve, reject) => {
        const options = { env: { ...environment, HITLESS_RELOAD }, timeout: PULL_MS };
        execFile('/bin/sh', [program], options, (error, stdout, stderr) => {
          if (error === null) resolve(stdout.trim());
          else reject(new Error(stderr.trim() || error.message));
        });
      });
    },
    reloads() {
      try {
        return readFileSync(counter, 'utf8').split('\n').length - 1;
      } catch {
        return 0;
      }
    },
    remove: () => folder.remove(),
  };
}
