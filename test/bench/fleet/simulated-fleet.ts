/** The child with the simulated HAProxies: each listens on a port of 127.0.0.1 of its own. */

import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerParent } from '../child.ts';
import { type Behaviour, simulatedRequest } from './messages.ts';
import { type SimulatedHaproxy, simulatedHaproxy } from './simulated-haproxy.ts';

const simulated: SimulatedHaproxy[] = [];
let backendName = '';

answerParent(simulatedRequest, async (asked) => {
  if (asked.do === 'show') {
    const show = `show servers state ${backendName}`;
    return { states: simulated.map((one) => (one.answer(show) ?? '').replace(/\n> $/, '')) };
  }
  const { backend, slots, behaviours, slowMs } = asked;
  backendName = backend;
  const ports = await Promise.all(
    behaviours.map((how, index) => {
      const one = simulatedHaproxy(backend, slots, 1_000 + index);
      simulated.push(one);
      return listening(createServer({ noDelay: true }, (socket) => serve(socket, one, how, slowMs)));
    }),
  );
  return { ports };
});

function serve(socket: Socket, one: SimulatedHaproxy, how: Behaviour, slowMs: number): void {
  let pending = '';
  let turn = Promise.resolve();
  socket.setEncoding('latin1');
  socket.on('error', () => socket.destroy());
  if (how === 'dead') return void socket.resume();
  const receive = (chunk: string) => {
    const lines = (pending + chunk).split('\n');
    pending = lines.pop() ?? '';
    const answers = lines.map((line) => one.answer(line));
    const words = answers.filter((answer) => answer !== null).join('');
    if (words !== '') socket.write(words);
    if (answers.includes(null)) socket.end();
  };
  socket.on('data', (chunk: string) => {
    if (how === 'good') return receive(chunk);
    turn = turn.then(() => sleep(slowMs)).then(() => receive(chunk));
  });
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0, backlog: 64 }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}
