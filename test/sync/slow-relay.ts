/** A port in front of a Runtime API that lets commands through bit by bit, so that a kill can fall between two of them. */

import { connect, createServer, type Socket } from 'node:net';

const BYTES = 256;
const EVERY_MS = 1;

export interface SlowRelay {
  readonly port: number;
  /** How many bytes of clients got through so far. */
  bytes(): number;
  stop(): Promise<void>;
}

/** What a client sent and that did not get through when its connection ends is lost with it. */
export async function startSlowRelay(to: {
  readonly host: string;
  readonly port: number;
}): Promise<SlowRelay> {
  let bytes = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ ...to, noDelay: true });
    let waiting = Buffer.alloc(0);
    const pump = setInterval(() => {
      const bit = waiting.subarray(0, BYTES);
      if (bit.length > 0) upstream.write(bit);
      bytes += bit.length;
      waiting = waiting.subarray(BYTES);
    }, EVERY_MS);
    const end = () => {
      clearInterval(pump);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket
        .on('error', end)
        .on('end', end)
        .on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
    });
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    bytes: () => bytes,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
