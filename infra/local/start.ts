/** `npm start`: the whole system on this machine until Ctrl-C, and what happens in it as it happens. */

import { fileURLToPath } from 'node:url';
import { createNarrator } from './start/event-line.ts';
import { greeting } from './start/greeting.ts';
import { AlreadyRunning, refuseIfRunning, writeLocalFile } from './start/local-file.ts';
import { readOptions } from './start/options.ts';
import { stopOnSignal } from './stop-on-signal.ts';
import { PartFailed } from './system/parts.ts';
import { startSystem } from './system.ts';
import { startWebServers } from './web-server.ts';

/** Sample web servers that nobody has registered yet. */
const WEB_SERVERS = 6;

const checkout = fileURLToPath(new URL('../..', import.meta.url));

async function main(): Promise<void> {
  const { haproxies, reconcileEvery, folder } = readOptions(checkout, process.argv.slice(2));
  refuseIfRunning(folder);
  const signal = stopOnSignal();
  console.log('Starting Consul, HAProxy, SQS, S3 and the functions …');
  const narrate = createNarrator();
  const system = await startSystem({
    haproxies,
    reconcileEveryMs: reconcileEvery,
    onEvent(event) {
      const line = narrate(event);
      if (line !== undefined) console.log(line);
    },
  });
  const webServers = await startWebServers(WEB_SERVERS);
  const file = writeLocalFile(folder, system, webServers);
  console.log(greeting(checkout, system, webServers, file));

  await signal.received;
  console.log('\nStopping …');
  file.remove();
  await system.stop();
  await Promise.all(webServers.map((server) => server.stop()));
  console.log('Everything is stopped.');
}

try {
  await main();
  process.exit(0);
} catch (error) {
  // What a person can act on needs no stack trace.
  const plain = error instanceof AlreadyRunning || error instanceof PartFailed;
  console.error(plain ? `npm start: ${error.message}` : error);
  process.exit(1);
}
