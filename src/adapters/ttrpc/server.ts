import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { asRejection, Rejection } from '../../domain/rejection.ts';
import { RequestSchema, ResponseSchema, StatusSchema } from '../../gen/containerd/ttrpc/ttrpc_pb.ts';
import { encodeFrame, type Frame, FrameDecoder, frameTypes } from './frame.ts';
import { statusOfRejection } from './status.ts';

/** One served method: bytes in, bytes out. Made by {@link served}. */
export interface ServedMethod {
  readonly service: string;
  readonly method: string;
  readonly handle: (payload: Uint8Array) => Promise<Uint8Array>;
}

export interface TtrpcServer {
  close(): Promise<void>;
}

export const served = <I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  handle: (request: MessageShape<I>) => Promise<MessageInitShape<O>>,
): ServedMethod => ({
  service: method.parent.typeName,
  method: method.name,
  handle: async (payload) =>
    toBinary(method.output, create(method.output, await handle(fromBinary(method.input, payload)))),
});

/** Connections that may be open at once: one per shim, and room for retries. */
const connectionLimit = 8192;

/**
 * Serves at a unix socket of mode 0600. A stale socket file is removed first, so the caller must be the only one to use
 * this path (the daemon holds the log's lock).
 */
export const serveTtrpc = async (path: string, methods: readonly ServedMethod[]): Promise<TtrpcServer> => {
  const table = new Map(methods.map((entry) => [`${entry.service}/${entry.method}`, entry.handle]));
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    serveConnection(socket, table);
  });
  server.maxConnections = connectionLimit;
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new Rejection('unavailable', `cannot listen at ${path}: ${cause.message}`, { cause })),
    );
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
};

const serveConnection = (socket: Socket, table: ReadonlyMap<string, ServedMethod['handle']>): void => {
  const decoder = new FrameDecoder();
  const answer = async (frame: Frame): Promise<void> => {
    const response = create(ResponseSchema);
    try {
      const request = fromBinary(RequestSchema, frame.payload);
      const name = `${request.service}/${request.method}`;
      const handle = table.get(name);
      if (handle === undefined)
        throw new Rejection('unimplemented', `no ttrpc method ${name} is served here`);
      response.payload = await handle(request.payload);
    } catch (error) {
      response.status = create(StatusSchema, statusOfRejection(asRejection(error)));
    }
    if (!socket.destroyed) {
      socket.write(encodeFrame(frame.stream, frameTypes.response, toBinary(ResponseSchema, response)));
    }
  };
  socket.on('data', (bytes: Buffer) => {
    try {
      for (const frame of decoder.push(bytes)) {
        if (frame.type === frameTypes.request) void answer(frame);
      }
    } catch (error) {
      socket.destroy(asRejection(error));
    }
  });
  // A shim that dies mid-call is no news: its client sees the broken connection, and Wait tells the daemon.
  socket.on('error', () => socket.destroy());
};
