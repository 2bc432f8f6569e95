import { holds, pack } from '../../../client/containerd/packed.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { TakenStream } from '../../../engine/ports/store/streaming.ts';
import { DataSchema, WindowUpdateSchema } from '../../../gen/containerd/types/transfer/streaming_pb.ts';
import { unpack } from './packed.ts';

/**
 * Bytes over a stream: whoever receives them grants a window of so many bytes, and grants anew when less of it is left;
 * whoever sends them sends no more than was granted.
 */
const windowBytes = 256 * 1024;
/** Of one item, as containerd has it. */
const itemBytes = 32 * 1024;

/** What a client sends, until it closes its side. */
export async function* receivedBytes(stream: TakenStream): AsyncGenerator<Uint8Array> {
  let window = 0;
  const grant = async (): Promise<void> => {
    if (window >= windowBytes) return;
    await stream.send(pack(WindowUpdateSchema, { update: windowBytes }));
    window += windowBytes;
  };
  await grant();
  for await (const item of stream.incoming) {
    const { data } = unpack(item, DataSchema);
    window -= data.length;
    yield data;
    await grant();
  }
}

/** Sends bytes as fast as the client grants room for them, then ends the stream. */
export const sendBytes = async (stream: TakenStream, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
  const grants = stream.incoming[Symbol.asyncIterator]();
  let room = 0;
  for await (const piece of bytes) {
    for (let at = 0; at < piece.length; ) {
      while (room <= 0) room += await granted(grants);
      const data = piece.subarray(at, at + Math.min(itemBytes, room));
      await stream.send(pack(DataSchema, { data }));
      at += data.length;
      room -= data.length;
    }
  }
};

const granted = async (grants: AsyncIterator<Parameters<typeof holds>[0] & { value: Uint8Array }>) => {
  const next = await grants.next();
  if (next.done) throw new Rejection('cancelled', 'the client closed the stream before it had all');
  return holds(next.value, WindowUpdateSchema) ? unpack(next.value, WindowUpdateSchema).update : 0;
};
