/**
 * `.hitless/local.json`: where everything of a running local system is, for programs and people; and
 * `.hitless/local.env`, the part of it that a shell needs. They hold tokens, so only their owner may read them.
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { atExit } from '../at-exit.ts';
import { isAlive } from '../process.ts';
import type { LocalSystem } from '../system.ts';
import type { WebServer } from '../web-server.ts';

/** Somebody else's file is there, and they are still running. */
export class AlreadyRunning extends Error {
  override readonly name = 'AlreadyRunning';
  readonly code = 'ALREADY_RUNNING';

  constructor(pid: number, path: string) {
    super(
      `another one runs here already, with process id ${pid}: stop it first (if that is no \`npm start\`, delete ${path})`,
    );
  }
}

export interface LocalFile {
  readonly path: string;
  readonly environmentPath: string;
  remove(): void;
}

/**
 * @param folder the `.hitless` of the checkout.
 * @throws AlreadyRunning
 */
export function refuseIfRunning(folder: string): void {
  const { path } = pathsIn(folder);
  const pid = pidIn(path);
  if (pid !== undefined && pid !== process.pid && isAlive(pid)) throw new AlreadyRunning(pid, path);
}

/** Writes both files; they go with this process, however it ends (but for SIGKILL; the next one overwrites them). */
export function writeLocalFile(
  folder: string,
  system: LocalSystem,
  webServers: readonly WebServer[],
): LocalFile {
  const { path, environmentPath } = pathsIn(folder);
  mkdirSync(folder, { recursive: true });
  writeSecret(path, `${JSON.stringify(describe(system, webServers), null, 2)}\n`);
  writeSecret(environmentPath, shellVariables(system.environment));
  const removeFiles = () => {
    for (const file of [path, environmentPath]) rmSync(file, { force: true });
  };
  const forget = atExit(removeFiles);
  return {
    path,
    environmentPath,
    remove() {
      forget();
      removeFiles();
    },
  };
}

function describe(system: LocalSystem, webServers: readonly WebServer[]) {
  const { webhook, consul, instances, emulator, queue, bucket, prefix, configuration } = system;
  const { region } = emulator;
  // The SDK notes things of its own in the object that it was given.
  const { accessKeyId, secretAccessKey } = emulator.credentials;
  const credentials = { accessKeyId, secretAccessKey };
  return {
    pid: process.pid,
    webhook,
    consul: { url: consul.url },
    haproxies: instances.map(({ name, address, haproxy }) => ({
      name,
      frontend: haproxy.url,
      /** As hitless.yml has it; both ways are open on every one. */
      configured: address,
      runtimeApi: `tcp://${haproxy.runtime.host}:${haproxy.runtime.port}`,
      socket: haproxy.socket,
      configuration: haproxy.configurationPath,
      masterPid: haproxy.masterPid,
    })),
    s3: { endpoint: emulator.s3Endpoint, bucket, prefix, region, credentials },
    sqs: {
      endpoint: emulator.sqsEndpoint,
      queueUrl: queue.url,
      deadLetterQueueUrl: queue.deadLetterUrl,
      region,
      credentials,
    },
    environment: system.environment,
    configuration: configuration.path,
    template: configuration.templatePath,
    webServers: webServers.map(({ name, address, port, url }) => ({ name, address, port, url })),
  };
}

function pathsIn(folder: string) {
  return { path: join(folder, 'local.json'), environmentPath: join(folder, 'local.env') };
}

/** Undefined: there is no file, or not one of ours. */
function pidIn(path: string): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(path, 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** A file that was there would keep its rights: so it is made anew. */
function writeSecret(path: string, text: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o600 });
}

/** Values of ours: neither quotes nor line ends in them. */
function shellVariables(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value}'\n`)
    .join('');
}
