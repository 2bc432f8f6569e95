import { EventStoreDBClient } from '@eventstore/db-client';
import grpcStreams from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { AppendReq, AppendResp, ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import type { ClientReadableStream, ClientWritableStream } from '@grpc/grpc-js';
import { Rejection } from '../../domain/rejection.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { Proposal } from './event-texts.ts';
import { Stalled } from './failure.ts';
import {
  type AllAsked,
  allRequest,
  appendRequests,
  type Place,
  type ReadAsked,
  readRequest,
  subscribeRequest,
} from './messages.ts';
import type { Settings } from './settings.ts';
import { type StoredEvent, storedEventOf } from './stored-event.ts';

/** What the server said to an append that reached it: its last revision now, or that the stream is at another one. */
export type Appended =
  | { readonly kind: 'stored'; readonly last: bigint }
  | { readonly kind: 'conflict'; readonly last: bigint | undefined };

/** An event among those of all streams; it is read as one of ours only when asked for. */
export interface PlacedEvent {
  readonly stream: string;
  readonly place: Place;
  /** @throws Rejection `data-loss` when it is no event of ours */
  readonly stored: () => StoredEvent;
}

/**
 * The package's client, with calls of our own on its connection. The connection is what it does well: discovery, TLS,
 * credentials, going after the leader. Its `appendToStream` would send batches over one shared call whose answers are kept
 * in a table of the whole process: an error of one connection fails the appends of all others, a call that the server ends
 * leaves them waiting for ever, and a late answer throws out of a listener. One call per append has its own deadline and
 * its own error.
 */
export class Connection extends EventStoreDBClient {
  readonly #stallMs: number;
  #channel: ReturnType<typeof this.getChannel> | undefined;
  #closed = false;

  constructor(settings: Settings, stallMs: number, logger?: Logger) {
    // The constructor has one overload per kind of address, and takes them all.
    super(settings.connection as { endpoint: string }, settings.channel, settings.credentials);
    this.#stallMs = stallMs;
    const open = this.getChannel;
    this.getChannel = () => {
      if (this.#closed) {
        return Promise.reject(new Rejection('unavailable', 'Calling KurrentDB: the log is closed.'));
      }
      this.#channel = open();
      return this.#channel;
    };
    // The client calls this without waiting for it, and it can throw (a discovery that failed meanwhile, a trailer that is
    // missing): nobody would catch that, and the process would end. The call's own error is reported by the call.
    const handle = this.handleError;
    this.handleError = (client, error) =>
      handle(client, error).catch((failed: unknown) =>
        logger?.debug('Changing the connection to KurrentDB failed', { error: failed }),
      );
  }

  /** @param deadline milliseconds */
  append(stream: string, proposals: readonly Proposal[], first: bigint, deadline: number): Promise<Appended> {
    return this.execute(grpcStreams.StreamsClient, 'append', async (client) => {
      const options = this.callArguments({ requiresLeader: true, deadline });
      const response = await new Promise<AppendResp>((resolve, reject) => {
        const call = client.append(...options, (error, response) => {
          if (error === null) resolve(response);
          else reject(error);
        });
        call.on('error', reject);
        send(call, appendRequests(stream, proposals, first));
      });
      return appendedOf(response);
    });
  }

  /** The last event of a stream; undefined where there is no such stream. */
  async last(stream: string): Promise<StoredEvent | undefined> {
    const request = readRequest({ stream, from: 'end', count: 1, backward: true });
    for await (const response of this.#responses(request, this.#stallMs)) {
      const wire = response.getEvent()?.getEvent();
      if (wire !== undefined) return storedEventOf(wire, stream);
      if (response.hasStreamNotFound()) return undefined;
    }
    throw new Error(`the stream ${stream} is there, but its last event is not (was it truncated?)`);
  }

  /** Events in the order asked for; none where there is no such stream. Stopping early ends the call. */
  async *read(asked: ReadAsked): AsyncGenerator<StoredEvent> {
    for await (const response of this.#responses(readRequest(asked), this.#stallMs)) {
      const wire = response.getEvent()?.getEvent();
      if (wire !== undefined) yield storedEventOf(wire, asked.stream);
    }
  }

  /** Events from a revision on, then live ones, until the caller stops or the connection breaks. */
  async *follow(stream: string, from: bigint): AsyncGenerator<StoredEvent> {
    for await (const response of this.#responses(subscribeRequest(stream, from))) {
      const wire = response.getEvent()?.getEvent();
      if (wire !== undefined) yield storedEventOf(wire, stream);
    }
  }

  /** Events of all streams, of whoever wrote them, with their places; `live` as {@link follow}. */
  async *all(asked: AllAsked): AsyncGenerator<PlacedEvent> {
    const stall = asked.live ? undefined : this.#stallMs;
    for await (const response of this.#responses(allRequest(asked), stall)) {
      const wire = response.getEvent()?.getEvent();
      // What the server itself writes, as that a stream was deleted.
      if (wire === undefined || wire.getMetadataMap().get('type')?.startsWith('$') !== false) continue;
      const stream = Buffer.from(wire.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString();
      const place = { commit: BigInt(wire.getCommitPosition()), prepare: BigInt(wire.getPreparePosition()) };
      yield { stream, place, stored: () => storedEventOf(wire, stream) };
    }
  }

  /** @param stallMs how long the server may say nothing; without it, for ever (keepalive still finds a dead peer) */
  async *#responses(request: ReadReq, stallMs?: number): AsyncGenerator<ReadResp> {
    let failed: unknown;
    const call = await this.GRPCStreamCreator(
      grpcStreams.StreamsClient,
      'read',
      (client): ClientReadableStream<ReadResp> => {
        const options = this.callArguments({ requiresLeader: true }, { deadline: Number.POSITIVE_INFINITY });
        // An error that comes before anybody iterates would pass for the end, and one that comes after for nobody's.
        return client.read(request, ...options).on('error', (error) => {
          failed ??= error;
        });
      },
    )();
    let stalled = false;
    const arm = (): NodeJS.Timeout | undefined =>
      stallMs === undefined
        ? undefined
        : setTimeout(() => {
            stalled = true;
            call.cancel();
          }, stallMs);
    let timer = arm();
    try {
      for await (const response of call) {
        clearTimeout(timer);
        yield response;
        timer = arm();
      }
      if (failed !== undefined) throw failed;
    } catch (error) {
      throw stalled ? new Stalled(stallMs ?? 0) : error;
    } finally {
      clearTimeout(timer);
      call.cancel();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.dispose();
    // A connection that never came about has told its calls so.
    const channel = await this.#channel?.catch(() => undefined);
    channel?.close();
  }
}

/** Writes as fast as the server takes it. A call that has ended drains no more, so nothing is sent after it. */
const send = (call: ClientWritableStream<AppendReq>, requests: Iterator<AppendReq>): void => {
  for (let next = requests.next(); next.done !== true; next = requests.next()) {
    if (call.write(next.value)) continue;
    call.once('drain', () => send(call, requests));
    return;
  }
  call.end();
};

const appendedOf = (response: AppendResp): Appended => {
  const success = response.getSuccess();
  if (success !== undefined) return { kind: 'stored', last: BigInt(success.getCurrentRevision()) };
  const conflict = response.getWrongExpectedVersion();
  if (conflict === undefined)
    throw new Error('the server answered an append with neither success nor conflict');
  const last = conflict.hasCurrentRevision() ? BigInt(conflict.getCurrentRevision()) : undefined;
  return { kind: 'conflict', last };
};
