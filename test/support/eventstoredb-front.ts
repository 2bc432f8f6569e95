import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP door before a server, which can be slammed. */
export interface Front {
  readonly port: number;
  /** Breaks every connection; new ones are let in. */
  cut(): void;
  /** Breaks every connection, and lets none in. */
  shut(): Promise<void>;
  reopen(): Promise<void>;
}

export const openFront = async (target: number): Promise<Front> => {
  const sockets = new Set<Socket>();
  const server = createServer((outside) => {
    const inside = connect(target, '127.0.0.1');
    for (const [one, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.setNoDelay(true);
      one.pipe(other);
    }
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port,
    cut,
    shut: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      cut();
      await closed;
    },
    reopen: () => listen(port),
  };
};
