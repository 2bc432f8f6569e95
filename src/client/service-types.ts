import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { CallOptions } from './call-options.ts';

/** What protoc-gen-es generates for a service, as far as the bridge needs it. */
export interface ServiceDescriptor {
  readonly typeName: string;
  readonly method: Readonly<Record<string, DescMethod>>;
}

/** A call with messages both ways. Iterate for the answers; `close` half-closes, `cancel` ends it at once. */
export interface Duplex<Request, Response> extends AsyncIterable<Response> {
  /** Resolves once the message was handed to the transport, or the call has ended (its end tells why). */
  send(message: Request): Promise<void>;
  close(): void;
  cancel(): void;
}

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
