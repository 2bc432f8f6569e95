import {
  create,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type {
  Metadata,
  Server,
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
  sendUnaryData,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { grpcDefinition, type ServiceDescriptor } from '../../client/grpc-service.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Cause } from '../../engine/ports/cause.ts';
import type { Failure } from './status.ts';
import { until } from './until.ts';

/** What a method is told beside its request. */
export interface CallContext {
  readonly cause: Cause;
  /** Fires when the caller has gone, its deadline has passed, or the daemon stops; never after the answer. */
  readonly signal: AbortSignal;
  /** A header of the call; empty where there is none. */
  readonly header: (name: string) => string;
}

type Init = MessageInitShape<DescMessage>;
type Message = MessageShape<DescMessage>;

type MethodHandler<M> = M extends {
  methodKind: infer Kind;
  input: infer I extends DescMessage;
  output: infer O extends DescMessage;
}
  ? Kind extends 'unary'
    ? (request: MessageShape<I>, context: CallContext) => Promise<MessageInitShape<O>>
    : Kind extends 'server_streaming'
      ? (request: MessageShape<I>, context: CallContext) => AsyncIterable<MessageInitShape<O>>
      : Kind extends 'client_streaming'
        ? (requests: AsyncIterable<MessageShape<I>>, context: CallContext) => Promise<MessageInitShape<O>>
        : (
            requests: AsyncIterable<MessageShape<I>>,
            context: CallContext,
          ) => AsyncIterable<MessageInitShape<O>>
  : never;

/** A service, as functions of requests: streams are async iterables, failures are thrown. */
export type Service<S extends ServiceDescriptor> = {
  readonly [K in keyof S['method']]: MethodHandler<S['method'][K]>;
};

/** A call under way, as far as every kind of it goes. */
export interface OpenCall {
  readonly context: CallContext;
  failure(error: unknown): Failure;
  /** The answer is on its way: the signal stays silent from now on. */
  settle(): void;
}

/** A call as grpc-js hands it over. */
export interface IncomingCall {
  readonly metadata: Metadata;
  getPath(): string;
  once(event: 'cancelled', listener: () => void): unknown;
}

/** @throws nothing: a caller that can't be told is answered through `refused` */
export type OpenCalls = (call: IncomingCall) => OpenCall | { readonly refused: Failure };

type Writable = ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>;

/** Resolves when the client has taken enough for more to be sent. */
const drained = (call: Writable, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      call.off('drain', go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    call.once('drain', go);
    signal.addEventListener('abort', go, { once: true });
    if (signal.aborted) go();
  });

/** Resolves when everything written has gone to the transport, or nobody is there to take it. */
const flushed = (written: Promise<void>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      signal.removeEventListener('abort', go);
      resolve();
    };
    written.then(go);
    signal.addEventListener('abort', go, { once: true });
    if (signal.aborted) go();
  });

/**
 * Sends answers as fast as the client takes them; a slow one makes the source wait. A failure is told when the answers
 * before it have gone: it also breaks the reading of requests, and Node then destroys the call at once, with what still
 * waits in it. The status would be lost with that, and the client wait for ever.
 */
const sendAll = async (
  call: Writable,
  answers: AsyncIterable<Init>,
  output: DescMessage,
  { context, failure, settle }: OpenCall,
): Promise<void> => {
  const { signal } = context;
  let written = Promise.resolve();
  const send = (answer: Init): boolean => {
    let room = true;
    written = new Promise((resolve) => {
      room = call.write(create(output, answer), () => resolve());
    });
    return room;
  };
  try {
    for await (const answer of until(answers, signal)) {
      if (!send(answer)) await drained(call, signal);
    }
    signal.throwIfAborted();
    settle();
    call.end();
  } catch (error) {
    await flushed(written, signal);
    settle();
    call.emit('error', failure(error));
  }
};

/** Messages of the client, each taken only when the last was dealt with. Leaving the loop early leaves the call open. */
async function* received(
  call: ServerReadableStream<Message, Message> | ServerDuplexStream<Message, Message>,
  signal: AbortSignal,
): AsyncGenerator<Message> {
  try {
    yield* until<Message>(call.iterator({ destroyOnReturn: false }), signal);
  } catch (error) {
    // Node's word for a stream that was cut; the signal may come a moment later.
    throw new Rejection('cancelled', 'the call was cancelled', { cause: error });
  }
  signal.throwIfAborted();
}

const answer = (
  work: Promise<Init>,
  output: DescMessage,
  { failure, settle }: OpenCall,
  reply: sendUnaryData<Message>,
): void => {
  work.then(
    (init) => {
      settle();
      reply(null, create(output, init));
    },
    (error: unknown) => {
      settle();
      reply(failure(error));
    },
  );
};

type Untyped = (input: never, context: CallContext) => unknown;

/** One grpc-js handler for one method of ours. */
const handlerOf = (method: DescMethod, implementation: Untyped, open: OpenCalls): UntypedHandleCall => {
  const { output } = method;
  const unary = implementation as (input: unknown, context: CallContext) => Promise<Init>;
  const stream = implementation as (input: unknown, context: CallContext) => AsyncIterable<Init>;
  switch (method.methodKind) {
    case 'unary':
      return (call: IncomingCall & { request: Message }, reply: sendUnaryData<Message>) => {
        const opened = open(call);
        if ('refused' in opened) return reply(opened.refused);
        const work = async () => unary(call.request, opened.context);
        answer(work(), output, opened, reply);
      };
    case 'client_streaming':
      return (call: ServerReadableStream<Message, Message>, reply: sendUnaryData<Message>) => {
        const opened = open(call);
        if ('refused' in opened) return reply(opened.refused);
        const work = async () => unary(received(call, opened.context.signal), opened.context);
        answer(work(), output, opened, reply);
      };
    case 'server_streaming':
      return (call: ServerWritableStream<Message, Message>) => {
        const opened = open(call);
        if ('refused' in opened) return void call.emit('error', opened.refused);
        const answers = deferred(() => stream(call.request, opened.context));
        return void sendAll(call, answers, output, opened);
      };
    case 'bidi_streaming':
      return (call: ServerDuplexStream<Message, Message>) => {
        const opened = open(call);
        if ('refused' in opened) return void call.emit('error', opened.refused);
        const requests = received(call, opened.context.signal);
        const answers = deferred(() => stream(requests, opened.context));
        return void sendAll(call, answers, output, opened);
      };
  }
};

/** So that a method that throws before its first answer is told like one that throws after. */
async function* deferred<T>(begin: () => AsyncIterable<T>): AsyncGenerator<T> {
  yield* begin();
}

/** Puts a service on the server. */
export const addService = <S extends ServiceDescriptor>(
  server: Server,
  service: S,
  implementation: Service<S>,
  open: OpenCalls,
): void => {
  const byName = implementation as unknown as Readonly<Record<string, Untyped>>;
  const handlers: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(service.method)) {
    const own = byName[name];
    if (!own) throw new Error(`method '${name}' of ${service.typeName} has no implementation`);
    handlers[name] = handlerOf(method, own, open);
  }
  server.addService(grpcDefinition(service), handlers);
};
