import { EmptySchema } from '@bufbuild/protobuf/wkt';
import { pack } from '../../../client/containerd/packed.ts';
import type { StreamExchange, StreamItem } from '../../../engine/ports/store/streaming.ts';
import {
  StreamInitSchema,
  type Streaming,
} from '../../../gen/containerd/services/streaming/v1/streaming_pb.ts';
import type { Service } from '../handlers.ts';
import { invalid } from '../parse.ts';
import { unpack } from './packed.ts';
import { tenantOf } from './tenancy.ts';

/** What comes after the first item. */
async function* rest(items: AsyncIterator<StreamItem>): AsyncGenerator<StreamItem> {
  for (let next = await items.next(); !next.done; next = await items.next()) yield next.value;
}

/** Streams beside other calls: the first item names the stream and is answered, then items go both ways as they are. */
export const streamingService = (store: StreamExchange): Service<typeof Streaming> => ({
  stream: async function* (requests, call) {
    const namespace = tenantOf(call);
    const items = requests[Symbol.asyncIterator]();
    const first = await items.next();
    if (first.done) throw invalid('id', 'the first item must name the stream');
    const { id } = unpack(first.value, StreamInitSchema);
    const opened = store.open(namespace, id, rest(items));
    try {
      yield pack(EmptySchema, {});
      yield* opened.outgoing;
    } finally {
      opened.close();
    }
  },
});
