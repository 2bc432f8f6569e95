import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { StreamInitSchema, type Streaming } from '../../gen/containerd/services/streaming/v1/streaming_pb.ts';
import { DataSchema, WindowUpdateSchema } from '../../gen/containerd/types/transfer/streaming_pb.ts';
import type { ServiceClient } from '../service-types.ts';
import { ShiplogError } from '../shiplog-error.ts';
import { holds, pack, unpack } from './packed.ts';

/** A stream beside a call, which names it by its id. */
export interface SideStream {
  readonly id: string;
  readonly items: AsyncIterable<Any>;
  send<M extends DescMessage>(schema: M, init: MessageInitShape<M>): Promise<void>;
  /** Nothing more comes from here. */
  close(): void;
  cancel(): void;
}

let opened = 0;

/** Opens a stream, under an id that no other client makes up. */
export const openStream = async (
  streaming: ServiceClient<typeof Streaming>,
  topic: string,
  signal: AbortSignal | undefined,
): Promise<SideStream> => {
  opened += 1;
  const id = `${topic}-${process.pid}-${Date.now()}-${opened}`;
  const call = streaming.stream({ signal });
  await call.send(pack(StreamInitSchema, { id }));
  const answers = call[Symbol.asyncIterator]();
  await answers.next();
  return {
    id,
    items: { [Symbol.asyncIterator]: () => answers },
    send: (schema, init) => call.send(pack(schema, init)),
    close: () => call.close(),
    cancel: () => call.cancel(),
  };
};

/** Bytes that are granted to a sender at a time. */
const windowBytes = 1024 * 1024;
/** Of one item. */
const itemBytes = 32 * 1024;

/** Sends bytes as far as the other side grants room for them, then closes the stream. */
export const sendBytes = async (stream: SideStream, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
  const grants = stream.items[Symbol.asyncIterator]();
  let room = 0;
  for await (const piece of bytes) {
    for (let at = 0; at < piece.length; ) {
      while (room <= 0) {
        const next = await grants.next();
        // The daemon has had enough; its answer to the call says why.
        if (next.done) return;
        if (holds(next.value, WindowUpdateSchema)) room += unpack(next.value, WindowUpdateSchema).update;
      }
      const data = piece.subarray(at, at + Math.min(itemBytes, room));
      await stream.send(DataSchema, { data });
      at += data.length;
      room -= data.length;
    }
  }
  stream.close();
};

/** What the other side sends; leaving the loop early ends the stream. */
export async function* receiveBytes(stream: SideStream): AsyncGenerator<Uint8Array> {
  let room = 0;
  const grant = async (): Promise<void> => {
    if (room >= windowBytes) return;
    await stream.send(WindowUpdateSchema, { update: windowBytes });
    room += windowBytes;
  };
  try {
    await grant();
    for await (const item of stream.items) {
      if (!holds(item, DataSchema)) {
        throw new ShiplogError('internal', `'${item.typeUrl}' came where bytes were expected`);
      }
      const { data } = unpack(item, DataSchema);
      room -= data.length;
      yield data;
      await grant();
    }
  } finally {
    stream.cancel();
  }
}
