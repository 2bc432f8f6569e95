import { create, type DescMessage } from '@bufbuild/protobuf';
import type { ClientDuplexStream, ClientWritableStream } from '@grpc/grpc-js';
import {
  type Answer,
  type CallOptions,
  type Channel,
  drain,
  follow,
  grpcOptions,
  type Init,
  type Method,
  refuseAborted,
} from './calls.ts';
import { inbox } from './inbox.ts';
import type { Duplex } from './service-types.ts';
import { asShiplogError } from './shiplog-error.ts';

export type { Duplex } from './service-types.ts';

/** Resolves when the transport took the message or the call is over, whichever is first: a dead call takes no more. */
const write = (
  call: ClientWritableStream<Answer> | ClientDuplexStream<Answer, Answer>,
  message: Answer,
  ended: Promise<void>,
): Promise<void> =>
  Promise.race([new Promise<void>((resolve) => call.write(message, () => resolve())), ended]);

/** Sends all of `requests`, then waits for the one answer. A failure of either side ends the call. */
export const clientStream = async (
  channel: Channel,
  { input, definition }: Method,
  requests: AsyncIterable<Init>,
  options: CallOptions,
): Promise<Answer> => {
  refuseAborted(options.signal);
  let over = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    over = resolve;
  });
  let release = (): void => undefined;
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const call = channel.grpc.makeClientStreamRequest(
        definition.path,
        definition.requestSerialize,
        definition.responseDeserialize,
        channel.metadata,
        grpcOptions(options),
        (error, answer) => {
          over();
          if (answer === undefined) reject(error);
          else resolve(answer);
        },
      );
      release = follow(options.signal, call);
      sendAll(call, input, requests, ended).catch((error: unknown) => {
        reject(error);
        call.cancel();
      });
    });
  } catch (error) {
    throw asShiplogError(error, channel.address);
  } finally {
    release();
  }
};

/** Stops early, and closes the source, once the call is over. */
const sendAll = async (
  call: ClientWritableStream<Answer>,
  input: DescMessage,
  requests: AsyncIterable<Init>,
  ended: Promise<void>,
): Promise<void> => {
  let over = false;
  ended.then(() => {
    over = true;
  });
  for await (const request of requests) {
    if (over) return;
    await write(call, create(input, request), ended);
  }
  call.end();
};

export const duplex = (
  channel: Channel,
  { input, definition }: Method,
  options: CallOptions,
): Duplex<Init, Answer> => {
  refuseAborted(options.signal);
  const call = channel.grpc.makeBidiStreamRequest(
    definition.path,
    definition.requestSerialize,
    definition.responseDeserialize,
    channel.metadata,
    grpcOptions(options),
  );
  const answers = inbox<Answer>(call);
  const release = follow(options.signal, call);
  return {
    send: (message) =>
      answers.over() ? Promise.resolve() : write(call, create(input, message), answers.ended),
    close: () => {
      if (!answers.over()) call.end();
    },
    cancel: () => call.cancel(),
    [Symbol.asyncIterator]: () => drain(channel, call, answers, release),
  };
};
