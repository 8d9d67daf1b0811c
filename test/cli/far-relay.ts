/** A TCP port in front of another one: what goes through, in each direction, takes a while, as over a network. */

import { connect, createServer, type Socket } from 'node:net';

export interface FarRelay {
  /** `tcp://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

/** @param ms of one way. */
export async function startFarRelay(
  to: { readonly host: string; readonly port: number },
  ms: number,
): Promise<FarRelay> {
  const sockets = new Set<Socket>();
  const pipe = (from: Socket, into: Socket) => {
    sockets.add(from);
    from
      .on('data', (bytes) => setTimeout(() => into.writable && into.write(bytes), ms))
      .on('end', () => setTimeout(() => into.writable && into.end(), ms))
      .on('error', () => into.destroy())
      .on('close', () => sockets.delete(from));
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const far = connect({ ...to, allowHalfOpen: true, noDelay: true });
    pipe(client, far);
    pipe(far, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  return {
    url: `tcp://127.0.0.1:${address.port}`,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
