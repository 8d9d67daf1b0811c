/** Loaded before a program of Node.js and all that it starts: they reach nobody, and what tried is on standard error. */

import { Socket } from 'node:net';

Socket.prototype.connect = () => {
  const refusal = new Error('tried to connect, and there is no network');
  process.stderr.write(`${refusal.stack}\n`);
  throw refusal;
};
