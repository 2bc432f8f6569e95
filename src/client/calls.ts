import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import type { Client, ClientDuplexStream, ClientReadableStream, Metadata } from '@grpc/grpc-js';
import type { CallOptions } from './call-options.ts';
import type { grpcMethod } from './grpc-service.ts';
import { inbox } from './inbox.ts';
import { asShiplogError, ShiplogError } from './shiplog-error.ts';

export type { CallOptions } from './call-options.ts';

/** Where calls go and what they say of the caller. */
export interface Channel {
  readonly grpc: Client;
  readonly address: string;
  readonly metadata: Metadata;
}

/** A method with its encodings, as `grpcMethod` makes them. */
export interface Method {
  readonly input: DescMessage;
  readonly definition: ReturnType<typeof grpcMethod>;
}
export type Init = MessageInitShape<DescMessage>;
export type Answer = MessageShape<DescMessage>;

export const grpcOptions = ({ timeoutMs }: CallOptions) =>
  timeoutMs === undefined ? {} : { deadline: new Date(Date.now() + timeoutMs) };

export const refuseAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted)
    throw new ShiplogError('cancelled', 'the call was cancelled', { cause: signal.reason });
};

/** Cancels `call` when the signal fires, until the returned function is called. */
export const follow = (signal: AbortSignal | undefined, call: { cancel(): void }): (() => void) => {
  const abort = () => call.cancel();
  signal?.addEventListener('abort', abort, { once: true });
  return () => signal?.removeEventListener('abort', abort);
};

export const unary = async (
  channel: Channel,
  { input, definition }: Method,
  request: Init,
  options: CallOptions,
): Promise<Answer> => {
  refuseAborted(options.signal);
  let release = (): void => undefined;
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const call = channel.grpc.makeUnaryRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        create(input, request),
        channel.metadata,
        grpcOptions(options),
        (error, answer) => (answer === undefined ? reject(error) : resolve(answer)),
      );
      release = follow(options.signal, call);
    });
  } catch (error) {
    throw asShiplogError(error, channel.address);
  } finally {
    release();
  }
};

/** Reads a stream to its end; leaving the loop early cancels the call. */
export async function* drain(
  channel: Channel,
  call: ClientReadableStream<Answer> | ClientDuplexStream<Answer, Answer>,
  answers: AsyncIterable<Answer>,
  release: () => void,
): AsyncGenerator<Answer> {
  try {
    yield* answers;
  } catch (error) {
    throw asShiplogError(error, channel.address);
  } finally {
    release();
    call.cancel();
  }
}

export async function* serverStream(
  channel: Channel,
  { input, definition }: Method,
  request: Init,
  options: CallOptions,
): AsyncGenerator<Answer> {
  refuseAborted(options.signal);
  const call = channel.grpc.makeServerStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
    create(input, request),
    channel.metadata,
    grpcOptions(options),
  );
  yield* drain(channel, call, inbox<Answer>(call), follow(options.signal, call));
}
