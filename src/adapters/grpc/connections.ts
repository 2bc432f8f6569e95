import type { Socket } from 'node:net';
import {
  experimental,
  type Metadata,
  ResponderBuilder,
  type Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
} from '@grpc/grpc-js';
import type { Logger } from '../../engine/ports/logger.ts';
import { type Peer, peerOf } from './peer.ts';

/** Who made the call that brought these headers. */
export type PeerOfCall = (metadata: Metadata) => Peer | undefined;

export interface Connections {
  accept(socket: Socket): void;
  readonly peerOfCall: PeerOfCall;
  /** Cuts every connection. */
  destroy(): void;
}

/**
 * Notes the peer beside the headers of each call of one connection. The note is kept outside of them, by their identity,
 * so that nothing a client sends can pass for it.
 */
const noting =
  (peers: WeakMap<Metadata, Peer>, peer: Peer): ServerInterceptor =>
  (_method, call) =>
    new ServerInterceptingCall(
      call,
      new ResponderBuilder()
        .withStart((start) =>
          start(
            new ServerListenerBuilder()
              .withOnReceiveMetadata((metadata, next) => {
                peers.set(metadata, peer);
                next(metadata);
              })
              .build(),
          ),
        )
        .build(),
    );

/**
 * Hands connections to the gRPC server, each with the peer that the kernel names for it (SO_PEERCRED). gRPC shows a
 * handler headers only and never the connection, so each connection gets an entrance of its own, whose interceptor knows
 * who came in by it.
 */
export const connectionsInto = (grpc: Server, logger: Logger): Connections => {
  const peers = new WeakMap<Metadata, Peer>();
  const open = new Set<Socket>();
  const enter = (socket: Socket, peer: Peer): void => {
    const entrance = grpc.createConnectionInjector(
      experimental.createServerCredentialsWithInterceptors(ServerCredentials.createInsecure(), [
        noting(peers, peer),
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
    peerOfCall: (metadata) => peers.get(metadata),
    destroy: () => {
      for (const socket of open) socket.destroy();
    },
  };
};
