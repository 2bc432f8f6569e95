import type { Socket } from 'node:net';
import { experimental, type Metadata, type Server, ServerCredentials } from '@grpc/grpc-js';
import type { Logger } from '../../engine/ports/logger.ts';
import { aheadBytes, maxMessageBytes } from './limits.ts';
import { NotingCall } from './noting-call.ts';
import { type Peer, peerOf } from './peer.ts';

/** Where a call came in. */
export type Arrival = Pick<NotingCall, 'peer' | 'waiting'>;

/** The call that brought these headers. */
export type ArrivalOf = (metadata: Metadata) => Arrival | undefined;

export interface Connections {
  accept(socket: Socket): void;
  readonly arrivalOf: ArrivalOf;
  /** Cuts every connection. */
  destroy(): void;
}

/**
 * Hands connections to the gRPC server, each with the peer that the kernel names for it (SO_PEERCRED). gRPC shows a
 * handler headers only and never the connection, so each connection gets an entrance of its own, whose interceptor knows
 * who came in by it.
 * @param sendBytes the largest message that the server sends
 */
export const connectionsInto = (grpc: Server, logger: Logger, sendBytes = maxMessageBytes): Connections => {
  const most = Math.min(aheadBytes, sendBytes);
  // Kept outside of the headers, by their identity, so that nothing a client sends can pass for it.
  const arrivals = new WeakMap<Metadata, NotingCall>();
  const note = (metadata: Metadata, call: NotingCall): void => {
    arrivals.set(metadata, call);
  };
  const open = new Set<Socket>();
  const enter = (socket: Socket, peer: Peer): void => {
    const entrance = grpc.createConnectionInjector(
      experimental.createServerCredentialsWithInterceptors(ServerCredentials.createInsecure(), [
        (_, call) => new NotingCall(call, peer, note, most),
      ]),
    );
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      entrance.destroy();
    });
    entrance.injectConnection(socket);
  };
  return {
    accept: (socket) => {
      socket.on('error', (error) => logger.debug('a client hung up', { error }));
      try {
        enter(socket, peerOf(socket));
      } catch (error) {
        logger.warn('a connection was refused: its peer cannot be told', { error });
        socket.destroy();
      }
    },
    arrivalOf: (metadata) => arrivals.get(metadata),
    destroy: () => {
      for (const socket of open) socket.destroy();
    },
  };
};
