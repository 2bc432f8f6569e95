import type { DescMessage, MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { pack, unpack } from '../../src/client/containerd/packed.ts';
import type { ServiceClient } from '../../src/client/service-client.ts';
import { StreamInitSchema, Streaming } from '../../src/gen/containerd/services/streaming/v1/streaming_pb.ts';
import { Transfer } from '../../src/gen/containerd/services/transfer/v1/transfer_pb.ts';
import { type Progress, ProgressSchema } from '../../src/gen/containerd/types/transfer/progress_pb.ts';
import {
  AuthRequestSchema,
  AuthResponseSchema,
} from '../../src/gen/containerd/types/transfer/registry_pb.ts';
import { DataSchema, WindowUpdateSchema } from '../../src/gen/containerd/types/transfer/streaming_pb.ts';
import type { ServedStore } from './containerd-client.ts';

/** An open stream of a client: its id, what the daemon sends on it, and the way to send. */
export interface ClientStream {
  readonly id: string;
  readonly items: AsyncIterator<Any>;
  send<M extends DescMessage>(schema: M, init: MessageInitShape<M>): Promise<void>;
  /** Nothing more comes from here. */
  close(): void;
}

let made = 0;

/** Transfers as containerd's own client does them. */
export class TransferClient {
  readonly #streaming: ServiceClient<typeof Streaming>;
  readonly #transfer: ServiceClient<typeof Transfer>;

  constructor(served: Pick<ServedStore, 'client'>) {
    this.#streaming = served.client(Streaming);
    this.#transfer = served.client(Transfer);
  }

  async open(id = `stream-${++made}`): Promise<ClientStream> {
    const call = this.#streaming.stream();
    await call.send(pack(StreamInitSchema, { id }));
    const items = call[Symbol.asyncIterator]();
    await items.next();
    return {
      id,
      items,
      send: (schema, init) => call.send(pack(schema, init)),
      close: () => call.close(),
    };
  }

  /** @returns what was told on the way, in order */
  async run<S extends DescMessage, D extends DescMessage>(
    [from, source]: readonly [S, MessageInitShape<S>],
    [to, destination]: readonly [D, MessageInitShape<D>],
  ): Promise<readonly Progress[]> {
    const progress = await this.open();
    const told: Progress[] = [];
    const listening = (async () => {
      for (let next = await progress.items.next(); !next.done; next = await progress.items.next()) {
        told.push(unpack(next.value, ProgressSchema));
      }
    })();
    await this.#transfer.transfer({
      source: pack(from, source),
      destination: pack(to, destination),
      options: { progressStream: progress.id },
    });
    await listening;
    return told;
  }

  /** Answers every question for an account. @returns the id of the stream, and the hosts that were asked for */
  async accounts(
    answer: (host: string) => MessageInitShape<typeof AuthResponseSchema>,
  ): Promise<{ readonly id: string; readonly hosts: string[] }> {
    const stream = await this.open();
    const hosts: string[] = [];
    void (async () => {
      for (let next = await stream.items.next(); !next.done; next = await stream.items.next()) {
        const { host } = unpack(next.value, AuthRequestSchema);
        hosts.push(host);
        await stream.send(AuthResponseSchema, answer(host));
      }
    })();
    return { id: stream.id, hosts };
  }

  /** Sends bytes as far as it is granted to. @returns the id of the stream */
  async sending(bytes: Uint8Array): Promise<string> {
    const stream = await this.open();
    void (async () => {
      let [at, room] = [0, 0];
      while (at < bytes.length) {
        while (room <= 0) {
          const next = await stream.items.next();
          if (next.done) return;
          room += unpack(next.value, WindowUpdateSchema).update;
        }
        const data = bytes.subarray(at, at + Math.min(room, 10_000));
        await stream.send(DataSchema, { data });
        at += data.length;
        room -= data.length;
      }
      stream.close();
    })();
    return stream.id;
  }

  /** Takes bytes, in windows so small that they have to be granted often. */
  async receiving(window = 20_000): Promise<{ readonly id: string; readonly bytes: Promise<Buffer> }> {
    const stream = await this.open();
    const bytes = (async () => {
      const pieces: Uint8Array[] = [];
      let room = 0;
      for (;;) {
        if (room <= 0) {
          await stream.send(WindowUpdateSchema, { update: window });
          room = window;
        }
        const next = await stream.items.next();
        if (next.done) return Buffer.concat(pieces);
        const { data } = unpack(next.value, DataSchema);
        pieces.push(data);
        room -= data.length;
      }
    })();
    return { id: stream.id, bytes };
  }
}
