import type { Namespace } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import { HandOver } from '../api/hand-over.ts';
import type { StreamExchange, StreamItem, TakenStream } from '../ports/store/streaming.ts';

/** Streams that may be open at once. */
const streamsAtMost = 4096;

export const streamExchange = (): StreamExchange => {
  const streams = new Map<string, TakenStream>();
  return {
    open: (namespace, id, incoming) => {
      const key = keyOf(namespace, id);
      if (id === '') throw new Rejection('invalid-argument', 'stream id is empty: invalid argument');
      if (streams.has(key)) throw new Rejection('already-exists', `stream "${id}": already exists`);
      if (streams.size >= streamsAtMost) {
        throw new Rejection('resource-exhausted', `${streamsAtMost} streams are open; close some`);
      }
      const handOver = new HandOver<StreamItem>();
      const taken = takenStream(incoming, handOver);
      streams.set(key, taken);
      return {
        outgoing: handOver.items(),
        close: () => {
          if (streams.get(key) === taken) streams.delete(key);
          handOver.drop(new Rejection('cancelled', `stream "${id}" was closed by its client`));
        },
      };
    },
    take: (namespace, id) => {
      const stream = streams.get(keyOf(namespace, id));
      if (stream) return stream;
      throw new Rejection('not-found', `stream "${id}": not found; open it before the call that names it`);
    },
  };
};

const keyOf = (namespace: Namespace, id: string): string => `${namespace}/${id}`;

const takenStream = (incoming: AsyncIterable<StreamItem>, handOver: HandOver<StreamItem>): TakenStream => {
  let last = Promise.resolve();
  return {
    incoming,
    send: (item) => {
      last = last.then(() => handOver.put(item));
      return last;
    },
    end: () => {
      const over = (): void => handOver.end();
      last.then(over, over);
    },
  };
};
