/**
 * Real HAProxy processes on free ports of 127.0.0.1, run as the distribution's systemd unit runs them: a master
 * with a worker (`-W`), reloaded by SIGUSR2.
 */

import { rename, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import {
  addressVariables,
  type ConfigurationOptions,
  configurationText,
  type HaproxyAddresses,
} from './haproxy-configuration.ts';
import { type StartedProcess, startProcess } from './process.ts';
import { haproxyPath } from './servers.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

export interface HaproxyOptions extends ConfigurationOptions {
  /** The program; this machine's own HAProxy unless told. Tests run on each of `haproxyVersions()`. */
  readonly binary?: string;
  /** The whole file instead of `configurationText(options)`; then `backend`, `level` and `statsMaxconn` do nothing. */
  readonly configuration?: string | ((addresses: HaproxyAddresses) => string);
}

export interface LocalHaproxy extends HaproxyAddresses {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  /** The file it started from, and starts from again. May be replaced at any time; HAProxy sees it at a reload. */
  readonly configurationPath: string;
  /** What `haproxy -c -f` needs in its environment to read that file. */
  readonly environment: Readonly<Record<string, string>>;
  readonly binary: string;
  /** Of the worker, as `show info` tells it; another one after `reload` and `restart`. */
  readonly pid: number;
  /** The master takes SIGUSR2 as "reload", also from others; stays the same over reloads. */
  readonly masterPid: number;
  running(): boolean;
  /** What HAProxy wrote to standard error, the last 64 kB. */
  output(): string;
  /** One Runtime API command over the unix socket, in a connection of its own; the reply without its empty line. */
  ask(command: string): Promise<string>;
  /**
   * Has the configuration file read again without a connection lost, and returns when a new worker answers.
   *
   * @param configuration replaces the file first.
   * @throws Error with HAProxy's own words when it refused the file; the old worker then goes on.
   */
  reload(configuration?: string): Promise<void>;
  /** Stops it if it runs (SIGTERM), and starts it again at the same addresses. */
  restart(configuration?: string): Promise<void>;
  /** SIGTERM, and deletes the socket and the configuration file: it cannot be restarted. */
  stop(): Promise<void>;
  /** SIGKILL to master and worker, as if the machine had failed; `restart` brings it back. */
  kill(): Promise<void>;
}

/**
 * Starts an HAProxy and waits until its Runtime API answers.
 *
 * @throws Error with HAProxy's own words when it refuses its configuration.
 */
export async function startHaproxy(options: HaproxyOptions = {}): Promise<LocalHaproxy> {
  const binary = options.binary ?? (await haproxyPath());
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(binary, options);
    } catch (error) {
      if (attempt === 5 || !(error instanceof Error) || !/cannot bind socket/i.test(error.message))
        throw error;
    }
  }
}

async function startOnce(binary: string, options: HaproxyOptions): Promise<LocalHaproxy> {
  const folder = temporaryFolder('haproxy');
  const { configuration: configurationPath, socket } = filesIn(folder.path);
  try {
    const addresses = await allocate(socket, options.tls !== undefined);
    const environment = addressVariables(addresses);
    await writeFile(configurationPath, textFor(options, addresses));
    let current = await launch(binary, folder.path, environment);

    const replaceFile = async (text: string | undefined) => {
      if (text === undefined) return;
      await writeFile(`${configurationPath}.new`, text);
      await rename(`${configurationPath}.new`, configurationPath);
    };
    return {
      ...addresses,
      url: `http://${addresses.frontend.host}:${addresses.frontend.port}`,
      configurationPath,
      environment,
      binary,
      get pid() {
        return current.pid;
      },
      get masterPid() {
        return current.master.pid;
      },
      running: () => current.master.running(),
      output: () => current.master.output(),
      ask: (command) => askRuntime(socket, command),
      async reload(configuration) {
        await replaceFile(configuration);
        const { master, pid } = current;
        const said = master.outputFromNow();
        master.signal('SIGUSR2');
        current = { master, pid: await newWorker(master, folder.path, { other: pid, said }) };
      },
      async restart(configuration) {
        await current.master.stop();
        await replaceFile(configuration);
        current = await launch(binary, folder.path, environment);
      },
      async stop() {
        await current.master.stop();
        folder.remove();
      },
      kill: () => current.master.kill(),
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

async function allocate(socket: string, withTls: boolean): Promise<HaproxyAddresses> {
  const host = '127.0.0.1';
  return {
    socket,
    runtime: { host, port: await freePort() },
    tlsRuntime: withTls ? { host, port: await freePort() } : null,
    frontend: { host, port: await freePort() },
  };
}

function textFor(options: HaproxyOptions, addresses: HaproxyAddresses): string {
  const { configuration } = options;
  if (configuration === undefined) return configurationText(options);
  return typeof configuration === 'string' ? configuration : configuration(addresses);
}

interface Running {
  readonly master: StartedProcess;
  readonly pid: number;
}

async function launch(
  binary: string,
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<Running> {
  const files = filesIn(folder);
  const master = await startProcess(binary, {
    arguments: ['-W', '-S', files.masterSocket, '-f', files.configuration],
    environment,
  });
  try {
    return { master, pid: await newWorker(master, folder, { other: 0, said: master.output }) };
  } catch (error) {
    await master.kill();
    throw error;
  }
}

/**
 * Waits for a worker of another pid than `other`. The master is waited for as well: a SIGUSR2 that comes before
 * its loop runs is lost (measured on 3.0.11).
 */
async function newWorker(
  master: StartedProcess,
  folder: string,
  { other, said }: { readonly other: number; readonly said: () => string },
): Promise<number> {
  const { socket, masterSocket } = filesIn(folder);
  const pid = await until(
    async () => {
      if (!master.running() || /Loading failure|Failed to load worker/i.test(said())) return 'refused';
      const answered = Number(/^Pid: (\d+)$/m.exec(await askRuntime(socket, 'show info'))?.[1] ?? other);
      return answered === other ? undefined : answered;
    },
    { what: 'HAProxy to answer on its Runtime API' },
  );
  if (master.running())
    await until(() => askRuntime(masterSocket, 'show proc'), { what: "HAProxy's master" });
  if (pid === 'refused') throw new Error(`HAProxy refused its configuration:\n${said().trim()}`);
  return pid;
}

function filesIn(folder: string) {
  return {
    configuration: join(folder, 'haproxy.cfg'),
    socket: join(folder, 'admin.sock'),
    masterSocket: join(folder, 'master.sock'),
  };
}

/** The master's CLI closes only when asked to, so the end of the request is said in every case. */
function askRuntime(socket: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const connection = createConnection(socket, () => connection.end(`${command}\n`));
    connection.setEncoding('utf8');
    connection.setTimeout(5_000, () =>
      connection.destroy(new Error(`no reply to \`${command}\` within 5 s`)),
    );
    connection.on('data', (chunk: string) => {
      reply += chunk;
    });
    connection.on('end', () => resolve(reply.replace(/\n+$/, '')));
    connection.on('error', reject);
  });
}
