import type { DescMessage, DescMethod, MessageShape } from '@bufbuild/protobuf';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { MethodDefinition } from '@grpc/grpc-js';
import type { ServiceDescriptor } from './service-types.ts';

export type { ServiceDescriptor } from './service-types.ts';

type RequestOf<M> = M extends { input: infer I extends DescMessage } ? MessageShape<I> : never;
type ResponseOf<M> = M extends { output: infer O extends DescMessage } ? MessageShape<O> : never;

/** grpc-js definitions of a service's methods, keyed as in the generated code (`version`, `listContainers`). */
export type GrpcDefinition<S extends ServiceDescriptor> = {
  readonly [K in keyof S['method']]: MethodDefinition<RequestOf<S['method'][K]>, ResponseOf<S['method'][K]>>;
};

/** The bytes of a message, without a copy. */
export const encoded = (schema: DescMessage, message: MessageShape<DescMessage>): Buffer => {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};

const serializer =
  (schema: DescMessage) =>
  (message: MessageShape<DescMessage>): Buffer =>
    encoded(schema, message);

const deserializer =
  (schema: DescMessage) =>
  (bytes: Buffer): MessageShape<DescMessage> =>
    fromBinary(schema, bytes);

/** Which sides of a method send more than one message. */
export const streamsOf = (kind: DescMethod['methodKind']) => ({
  requestStream: kind === 'client_streaming' || kind === 'bidi_streaming',
  responseStream: kind === 'server_streaming' || kind === 'bidi_streaming',
});

/** The definition of one method, for callers that make a call by hand. */
export const grpcMethod = (service: ServiceDescriptor, method: DescMethod) => ({
  path: `/${service.typeName}/${method.name}`,
  ...streamsOf(method.methodKind),
  requestSerialize: serializer(method.input),
  requestDeserialize: deserializer(method.input),
  responseSerialize: serializer(method.output),
  responseDeserialize: deserializer(method.output),
  originalName: method.localName,
});

/**
 * Joins the two libraries: turns a service of protobuf-es into the definition that `grpc.Server.addService` takes. The
 * client's calls come from the same table, so that both sides agree on paths and encodings by construction.
 */
export const grpcDefinition = <S extends ServiceDescriptor>(service: S): GrpcDefinition<S> =>
  Object.fromEntries(
    Object.entries(service.method).map(([name, method]) => [name, grpcMethod(service, method)]),
  ) as unknown as GrpcDefinition<S>;
