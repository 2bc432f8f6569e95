import type { Socket } from 'node:net';
import {
  experimental,
  type Metadata,
  type Server,
  ServerCredentials,
  ServerInterceptingCall,
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

type NextCall = ConstructorParameters<typeof ServerInterceptingCall>[0];
type Listener = Parameters<NextCall['start']>[0];

/**
 * Notes the peer beside the headers of each call of one connection. The note is kept outside of them, by their identity,
 * so that nothing a client sends can pass for it. All else goes straight through: what the library builds for interceptors
 * takes its time with each message.
 */
class NotingCall extends ServerInterceptingCall {
  readonly #next: NextCall;
  readonly #note: (metadata: Metadata) => void;

  constructor(next: NextCall, note: (metadata: Metadata) => void) {
    super(next);
    this.#next = next;
    this.#note = note;
  }

  override start(listener: Listener): void {
    this.#next.start({
      onReceiveMetadata: (metadata) => {
        this.#note(metadata);
        listener.onReceiveMetadata(metadata);
      },
      onReceiveMessage: (message) => listener.onReceiveMessage(message),
      onReceiveHalfClose: () => listener.onReceiveHalfClose(),
      onCancel: () => listener.onCancel(),
    });
  }

  override sendMetadata(metadata: Metadata): void {
    this.#next.sendMetadata(metadata);
  }

  override sendMessage(...message: Parameters<NextCall['sendMessage']>): void {
    this.#next.sendMessage(...message);
  }

  override sendStatus(status: Parameters<NextCall['sendStatus']>[0]): void {
    this.#next.sendStatus(status);
  }
}

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
        (_, call) => new NotingCall(call, (metadata) => peers.set(metadata, peer)),
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
