import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type {
  Metadata,
  MethodDefinition,
  Server,
  ServerDuplexStream,
  ServerReadableStream,
  ServerWritableStream,
  sendUnaryData,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { encoded, type ServiceDescriptor, streamsOf } from '../../client/grpc-service.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import type { Cause } from '../../engine/ports/cause.ts';
import { methods } from '../../gen/methods.ts';
import { Encoded } from './encoded.ts';
import { sendAll, some } from './sending.ts';
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

type Init = MessageInitShape<DescMessage> | Encoded;

/** An answer of one method. */
type Answer<O extends DescMessage> = MessageInitShape<O> | Encoded<O>;

type MethodHandler<M> = M extends {
  methodKind: infer Kind;
  input: infer I extends DescMessage;
  output: infer O extends DescMessage;
}
  ? Kind extends 'unary'
    ? (request: MessageShape<I>, context: CallContext) => Promise<Answer<O>>
    : Kind extends 'server_streaming'
      ? (request: MessageShape<I>, context: CallContext) => AsyncIterable<Answer<O>> | Iterable<Answer<O>>
      : Kind extends 'client_streaming'
        ? (requests: AsyncIterable<MessageShape<I>>, context: CallContext) => Promise<Answer<O>>
        : (requests: AsyncIterable<MessageShape<I>>, context: CallContext) => AsyncIterable<Answer<O>>
  : never;

/**
 * A service, as functions of requests: streams are async iterables, failures are thrown. What is all there already may be
 * streamed as a plain iterable, whose items are taken as the client takes them.
 */
export type Service<S extends ServiceDescriptor> = {
  readonly [K in keyof S['method']]: MethodHandler<S['method'][K]>;
};

type Untyped = (input: never, context: CallContext) => unknown;

/** A service with what the generated code says of it. */
export interface ServedService {
  readonly descriptor: ServiceDescriptor;
  readonly implementation: Readonly<Record<string, Untyped>>;
}

/** Brings a service when it is first called: its descriptors take longer to build than the daemon has at its start. */
export type LoadService = () => Promise<ServedService>;

/** What a server serves, by full names. */
export type Services = Readonly<Partial<Record<ServiceName, LoadService>>>;

export const served = <S extends ServiceDescriptor>(
  descriptor: S,
  implementation: Service<S>,
): ServedService => ({
  descriptor,
  implementation: implementation as unknown as ServedService['implementation'],
});

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
}

/** @throws nothing: a caller that can't be told is answered through `refused` */
export type OpenCalls = (call: IncomingCall) => OpenCall | { readonly refused: Failure };

/** Messages of the client, each taken only when the last was dealt with. Leaving the loop early leaves the call open. */
async function* received(
  call: ServerReadableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
  decode: (bytes: Buffer) => MessageShape<DescMessage>,
  signal: AbortSignal,
): AsyncGenerator<MessageShape<DescMessage>> {
  try {
    for await (const bytes of until<Buffer>(call.iterator({ destroyOnReturn: false }), signal)) {
      yield decode(bytes);
    }
  } catch (error) {
    if (isRejection(error)) throw error;
    // Node's word for a stream that was cut; the signal may come a moment later.
    throw new Rejection('cancelled', 'the call was cancelled', { cause: error });
  }
  signal.throwIfAborted();
}

/** A method that is there, between bytes and messages. */
const methodOf = ({ descriptor, implementation }: ServedService, name: string) => {
  const method = descriptor.method[name];
  const run = implementation[name];
  if (!method || !run) throw new Error(`method '${name}' of ${descriptor.typeName} has no implementation`);
  const { input, output } = method;
  return {
    run,
    decode: (bytes: Buffer): MessageShape<DescMessage> => {
      try {
        return fromBinary(input, bytes);
      } catch (error) {
        throw new Rejection(
          'invalid-argument',
          `the request is no ${input.typeName}: ${error instanceof Error ? error.message : String(error)}`,
          {
            cause: error,
          },
        );
      }
    },
    encode: (init: Init): Buffer =>
      init instanceof Encoded ? init.bytes : encoded(output, create(output, init)),
  };
};

type Method = ReturnType<typeof methodOf>;

/** Runs a method that answers once. */
const answerOnce = (
  method: Method,
  input: (method: Method) => unknown,
  opened: OpenCall,
  reply: sendUnaryData<Buffer>,
): void => {
  const run = method.run as (input: unknown, context: CallContext) => Promise<Init>;
  const fail = (error: unknown): void => {
    opened.settle();
    reply(opened.failure(error));
  };
  const succeed = (init: Init): void => {
    let bytes: Buffer;
    try {
      bytes = method.encode(init);
    } catch (error) {
      fail(error);
      return;
    }
    opened.settle();
    reply(null, bytes);
  };
  try {
    run(input(method), opened.context).then(succeed, fail);
  } catch (error) {
    fail(error);
  }
};

/** One grpc-js handler for one method of ours. */
const handlerOf = (
  kind: DescMethod['methodKind'],
  load: () => Promise<Method>,
  open: OpenCalls,
): UntypedHandleCall => {
  let loaded: Method | undefined;
  const toOne = (
    input: (method: Method) => unknown,
    opened: OpenCall,
    reply: sendUnaryData<Buffer>,
  ): void => {
    if (loaded !== undefined) {
      answerOnce(loaded, input, opened, reply);
      return;
    }
    load().then(
      (method) => {
        loaded = method;
        answerOnce(method, input, opened, reply);
      },
      (error: unknown) => {
        opened.settle();
        reply(opened.failure(error));
      },
    );
  };
  async function* toMany(
    input: (method: Method) => unknown,
    context: CallContext,
  ): AsyncGenerator<readonly Buffer[], void, undefined> {
    const method = await load();
    const run = method.run as (input: unknown, context: CallContext) => AsyncIterable<Init> | Iterable<Init>;
    for await (const answers of some(run(input(method), context))) yield answers.map(method.encode);
  }
  switch (kind) {
    case 'unary':
      return (call: IncomingCall & { request: Buffer }, reply: sendUnaryData<Buffer>) => {
        const opened = open(call);
        if ('refused' in opened) return reply(opened.refused);
        toOne(({ decode }) => decode(call.request), opened, reply);
      };
    case 'client_streaming':
      return (call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
        const opened = open(call);
        if ('refused' in opened) return reply(opened.refused);
        const { signal } = opened.context;
        toOne(({ decode }) => received(call, decode, signal), opened, reply);
      };
    case 'server_streaming':
      return (call: ServerWritableStream<Buffer, Buffer>) => {
        const opened = open(call);
        if ('refused' in opened) return void call.emit('error', opened.refused);
        const answers = toMany(({ decode }) => decode(call.request), opened.context);
        return void sendAll(call, answers, opened);
      };
    case 'bidi_streaming':
      return (call: ServerDuplexStream<Buffer, Buffer>) => {
        const opened = open(call);
        if ('refused' in opened) return void call.emit('error', opened.refused);
        const { context } = opened;
        const answers = toMany(({ decode }) => received(call, decode, context.signal), context);
        return void sendAll(call, answers, opened);
      };
  }
};

const once = <T>(bring: () => Promise<T>): (() => Promise<T>) => {
  let brought: Promise<T> | undefined;
  return () => {
    brought ??= bring();
    return brought;
  };
};

const asItIs = (bytes: Buffer): Buffer => bytes;

export type ServiceName = keyof typeof methods;

const addService = (server: Server, name: ServiceName, load: LoadService, open: OpenCalls): void => {
  const loaded = once(load);
  const definitions: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const handlers: UntypedServiceImplementation = {};
  for (const [localName, method] of Object.entries(methods[name])) {
    definitions[localName] = {
      path: `/${name}/${method.name}`,
      ...streamsOf(method.kind),
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    };
    const bring = once(async () => methodOf(await loaded(), localName));
    handlers[localName] = handlerOf(method.kind, bring, open);
  }
  server.addService(definitions, handlers);
};

/** Puts services on the server. @returns their full names */
export const addServices = (server: Server, services: Services, open: OpenCalls): readonly ServiceName[] => {
  const entries = Object.entries(services) as [ServiceName, LoadService][];
  for (const [name, load] of entries) addService(server, name, load, open);
  return entries.map(([name]) => name);
};
