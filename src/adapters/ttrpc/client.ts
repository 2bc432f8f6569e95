import { connect, type Socket } from 'node:net';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Rejection } from '../../domain/rejection.ts';
import { RequestSchema, ResponseSchema } from '../../gen/containerd/ttrpc/ttrpc_pb.ts';
import { encodeFrame, type Frame, FrameDecoder, frameTypes } from './frame.ts';
import { rejectionOfStatus } from './status.ts';

/** A connection to one ttrpc server. */
export interface TtrpcClient {
  /**
   * @param timeoutMs 0 waits for ever; only for calls whose answer may take as long as a process lives
   * @throws Rejection with the server's status; `deadline-exceeded`; `unavailable` when the connection is or gets lost
   */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    timeoutMs: number,
  ): Promise<MessageShape<O>>;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

export interface TtrpcTarget {
  /** Path of the unix socket; a leading NUL means an abstract one. */
  readonly path: string;
  /** Sent as metadata `containerd-namespace-ttrpc`. */
  readonly namespace: string;
  /** Names the server in error messages. */
  readonly name: string;
}

interface PendingCall {
  readonly settle: (answer: Uint8Array | Rejection) => void;
}

/** @throws Rejection `unavailable` when nobody listens, `deadline-exceeded` after `timeoutMs` */
export const connectTtrpc = async (target: TtrpcTarget, timeoutMs: number): Promise<TtrpcClient> => {
  const socket = connect(target.path);
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Rejection('deadline-exceeded', `${target.name} did not accept within ${timeoutMs} ms`));
    }, timeoutMs);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve();
    });
    socket.once('error', (cause) => {
      clearTimeout(timer);
      reject(new Rejection('unavailable', `cannot connect to ${target.name}: ${cause.message}`, { cause }));
    });
  });
  return overSocket(socket, target);
};

const overSocket = (socket: Socket, target: TtrpcTarget): TtrpcClient => {
  const pending = new Map<number, PendingCall>();
  const decoder = new FrameDecoder();
  let nextStream = 1;
  let lost: Rejection | undefined;

  const lose = (why: string): void => {
    lost ??= new Rejection('unavailable', `the connection to ${target.name} is lost: ${why}`);
    for (const call of pending.values()) call.settle(lost);
    pending.clear();
  };
  const receive = (frame: Frame): void => {
    const call = pending.get(frame.stream);
    if (call === undefined || frame.type !== frameTypes.response) return; // the answer to a call that gave up waiting
    pending.delete(frame.stream);
    const response = fromBinary(ResponseSchema, frame.payload);
    const failed = response.status !== undefined && response.status.code !== 0;
    call.settle(failed && response.status ? rejectionOfStatus(response.status) : response.payload);
  };

  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      lose('closed by the other side');
      resolve();
    });
  });
  socket.on('error', (error) => lose(error.message));
  socket.on('data', (bytes: Buffer) => {
    try {
      for (const frame of decoder.push(bytes)) receive(frame);
    } catch (error) {
      lose(error instanceof Error ? error.message : String(error));
      socket.destroy();
    }
  });

  const exchange = (request: Uint8Array, what: string, timeoutMs: number): Promise<Uint8Array> =>
    new Promise((resolve, reject) => {
      if (lost) return reject(lost);
      const stream = nextStream;
      nextStream = nextStream >= 0xffff_fffd ? 1 : nextStream + 2;
      const timer =
        timeoutMs === 0
          ? undefined
          : setTimeout(() => {
              pending.delete(stream);
              reject(
                new Rejection(
                  'deadline-exceeded',
                  `${target.name} did not answer ${what} in ${timeoutMs} ms`,
                ),
              );
            }, timeoutMs);
      pending.set(stream, {
        settle: (answer) => {
          clearTimeout(timer);
          if (answer instanceof Rejection) reject(answer);
          else resolve(answer);
        },
      });
      socket.write(encodeFrame(stream, frameTypes.request, request));
    });

  return {
    async call(method, input, timeoutMs) {
      const request = create(RequestSchema, {
        service: method.parent.typeName,
        method: method.name,
        payload: toBinary(method.input, create(method.input, input)),
        timeoutNano: BigInt(timeoutMs) * 1_000_000n,
        metadata: [{ key: 'containerd-namespace-ttrpc', value: target.namespace }],
      });
      const answer = await exchange(toBinary(RequestSchema, request), method.name, timeoutMs);
      return fromBinary(method.output, answer);
    },
    closed,
    close: () => socket.destroy(),
  };
};
