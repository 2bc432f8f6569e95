import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { type CallOptions, type Channel, type Init, serverStream, unary } from './calls.ts';
import { grpcMethod, type ServiceDescriptor } from './grpc-service.ts';
import { clientStream, type Duplex, duplex } from './streams.ts';

type MethodClient<M> = M extends {
  methodKind: infer Kind;
  input: infer I extends DescMessage;
  output: infer O extends DescMessage;
}
  ? Kind extends 'unary'
    ? (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : Kind extends 'server_streaming'
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : Kind extends 'client_streaming'
        ? (requests: AsyncIterable<MessageInitShape<I>>, options?: CallOptions) => Promise<MessageShape<O>>
        : (options?: CallOptions) => Duplex<MessageInitShape<I>, MessageShape<O>>
  : never;

/** One function per method: unary gives a promise, a stream of answers an async iterable. All fail with ShiplogError. */
export type ServiceClient<S extends ServiceDescriptor> = {
  readonly [K in keyof S['method']]: MethodClient<S['method'][K]>;
};

const callOf = (channel: Channel, service: ServiceDescriptor, method: DescMethod) => {
  const at = { input: method.input, definition: grpcMethod(service, method) };
  switch (method.methodKind) {
    case 'unary':
      return (request: Init, options: CallOptions = {}) => unary(channel, at, request, options);
    case 'server_streaming':
      return (request: Init, options: CallOptions = {}) => serverStream(channel, at, request, options);
    case 'client_streaming':
      return (requests: AsyncIterable<Init>, options: CallOptions = {}) =>
        clientStream(channel, at, requests, options);
    case 'bidi_streaming':
      return (options: CallOptions = {}) => duplex(channel, at, options);
  }
};

export const serviceClient = <S extends ServiceDescriptor>(channel: Channel, service: S): ServiceClient<S> =>
  Object.fromEntries(
    Object.entries(service.method).map(([name, method]) => [name, callOf(channel, service, method)]),
  ) as unknown as ServiceClient<S>;
