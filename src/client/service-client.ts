import type { DescMethod } from '@bufbuild/protobuf';
import { type CallOptions, type Channel, type Init, serverStream, unary } from './calls.ts';
import { grpcMethod } from './grpc-service.ts';
import type { ServiceClient, ServiceDescriptor } from './service-types.ts';
import { clientStream, duplex } from './streams.ts';

export type { ServiceClient } from './service-types.ts';

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
