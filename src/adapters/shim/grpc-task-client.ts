import { connect } from 'node:net';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, connectivityState, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { Rejection } from '../../domain/rejection.ts';
import type { TtrpcClient, TtrpcTarget } from '../ttrpc/client.ts';
import { rejectionOfStatus } from '../ttrpc/status.ts';

/** As large as messages over ttrpc may be. */
const maxMessageBytes = 4 * 1024 * 1024;

const options = {
  'grpc.max_receive_message_length': maxMessageBytes,
  'grpc.use_local_subchannel_pool': 1,
  // Whether a call took effect nobody knows: none is repeated by itself.
  'grpc.enable_retries': 0,
} as const;

const ready = (client: Client, { name }: TtrpcTarget, timeoutMs: number): Promise<void> =>
  new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + timeoutMs, (error) => {
      if (error === undefined) return resolve();
      client.close();
      const message = `cannot connect to ${name} within ${timeoutMs} ms: ${error.message}`;
      reject(new Rejection('unavailable', message, { cause: error }));
    });
  });

/** Finds out whether anybody listens: gRPC itself would go on trying. @throws Rejection `unavailable` */
const dial = ({ path, name }: TtrpcTarget): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', (cause) => {
      reject(new Rejection('unavailable', `cannot connect to ${name}: ${cause.message}`, { cause }));
    });
  });

/** Resolves when a connection that stood has ended. gRPC would make it again; a shim that went is not made again by that. */
const ended = async (client: Client): Promise<void> => {
  const channel = client.getChannel();
  for (;;) {
    const state = channel.getConnectivityState(false);
    if (state !== connectivityState.READY) return;
    await new Promise<void>((resolve) => {
      channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => resolve());
    });
  }
};

/**
 * Connects to a shim that speaks gRPC.
 * @throws Rejection `unavailable` when nobody answers within `timeoutMs`
 */
export const connectGrpc = async (target: TtrpcTarget, timeoutMs: number): Promise<TtrpcClient> => {
  await dial(target);
  const client = new Client(`unix://${target.path}`, credentials.createInsecure(), options);
  await ready(client, target, timeoutMs);
  const metadata = new Metadata();
  metadata.set('containerd-namespace', target.namespace);
  const closed = ended(client).finally(() => client.close());
  return {
    call: <I extends DescMessage, O extends DescMessage>(
      method: DescMethodUnary<I, O>,
      input: MessageInitShape<I>,
      timeout: number,
    ): Promise<MessageShape<O>> =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          `/${method.parent.typeName}/${method.name}`,
          (request: MessageShape<I>) => Buffer.from(toBinary(method.input, request)),
          (bytes: Buffer) => fromBinary(method.output, bytes),
          create(method.input, input),
          metadata,
          timeout === 0 ? {} : { deadline: Date.now() + timeout },
          (error: ServiceError | null, answer?: MessageShape<O>) => {
            if (answer !== undefined && error === null) return resolve(answer);
            reject(rejectionOfStatus({ code: error?.code ?? 2, message: error?.details ?? '' }));
          },
        );
      }),
    closed,
    close: () => client.close(),
  };
};
