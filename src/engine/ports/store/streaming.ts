import type { Namespace } from '../../../domain/identity.ts';

/** A value of protobuf's Any, untouched. */
export interface StreamItem {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** A stream as its client's call sees it. */
export interface OpenedStream {
  /** What the daemon sends; ends when the daemon is done with the stream. */
  readonly outgoing: AsyncIterable<StreamItem>;
  /** The call is over: whoever uses the stream is told. */
  close(): void;
}

/** A stream as another call of the same client uses it. */
export interface TakenStream {
  /** What the client sends; ends when it has closed its side. */
  readonly incoming: AsyncIterable<StreamItem>;
  /** Resolves when the client has taken it. Calls wait for each other. @throws Rejection `cancelled` where the stream is over */
  send(item: StreamItem): Promise<void>;
  /** Ends the stream, once what was sent is taken. */
  end(): void;
}

/**
 * Streams that clients open beside a call, under ids that they make up and name in that call: for progress, for bytes, and
 * for what the daemon has to ask back.
 */
export interface StreamExchange {
  /** @throws Rejection `already-exists`; `invalid-argument` for an empty id; `resource-exhausted` where too many are open */
  open(namespace: Namespace, id: string, incoming: AsyncIterable<StreamItem>): OpenedStream;
  /** @throws Rejection `not-found` */
  take(namespace: Namespace, id: string): TakenStream;
}
