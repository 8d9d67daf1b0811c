/** Passes one after the other until it is killed, saying `pass` before each. Arguments: store, Consul, port. */

import { killFleet, killPass, killPorts } from './kill-fleet.ts';

const [, , store = '', consul = '', port] = process.argv;
const fleet = killFleet({ scheme: 'tcp', host: '127.0.0.1', port: Number(port) });
const ports = killPorts(store, consul);
for (;;) {
  process.stdout.write('pass\n');
  await killPass(ports, fleet);
}
