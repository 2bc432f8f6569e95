import shared from '@eventstore/db-client/generated/shared_pb.js';
import type {
  AppendReq as AppendRequest,
  ReadReq as ReadRequest,
} from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { Proposal } from './event-texts.ts';

/** Requests in the package's own generated classes. 64-bit integers are decimal strings in them. */

const identifierOf = (stream: string) => {
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  return identifier;
};

/**
 * An append, message by message: which stream, the revision it must be at, and the events.
 * @param first position of the first event; the stream must end right before it
 */
export function* appendRequests(
  stream: string,
  proposals: readonly Proposal[],
  first: bigint,
): Generator<AppendRequest> {
  const options = new streams.AppendReq.Options();
  options.setStreamIdentifier(identifierOf(stream));
  // Never ANY: the expected revision is what keeps a second writer out.
  if (first === 0n) options.setNoStream(new shared.Empty());
  else options.setRevision((first - 1n).toString());
  const head = new streams.AppendReq();
  head.setOptions(options);
  yield head;
  for (const { id, type, data, metadata } of proposals) {
    const message = new streams.AppendReq.ProposedMessage();
    const uuid = new shared.UUID();
    uuid.setString(id);
    message.setId(uuid);
    message.getMetadataMap().set('type', type);
    message.getMetadataMap().set('content-type', 'application/json');
    message.setData(Buffer.from(data));
    message.setCustomMetadata(Buffer.from(metadata));
    const request = new streams.AppendReq();
    request.setProposedMessage(message);
    yield request;
  }
}

/** What to read of a stream. */
export interface ReadAsked {
  readonly stream: string;
  /** Revision of the first event to give; `end` with `backward` is the last one. */
  readonly from: bigint | 'end';
  /** At most so many events. */
  readonly count: number;
  readonly backward: boolean;
}

const FORWARDS = 0;
const BACKWARDS = 1;

export const readRequest = ({ stream, from, count, backward }: ReadAsked): ReadRequest => {
  const place = new streams.ReadReq.Options.StreamOptions();
  place.setStreamIdentifier(identifierOf(stream));
  if (from === 'end') place.setEnd(new shared.Empty());
  else place.setRevision(from.toString());
  const options = readOptions(place);
  options.setReadDirection(backward ? BACKWARDS : FORWARDS);
  options.setCount(String(count));
  return withOptions(options);
};

/** A subscription gives what comes after a revision, so the first event is asked for by the one before it. */
export const subscribeRequest = (stream: string, from: bigint): ReadRequest => {
  const place = new streams.ReadReq.Options.StreamOptions();
  place.setStreamIdentifier(identifierOf(stream));
  if (from === 0n) place.setStart(new shared.Empty());
  else place.setRevision((from - 1n).toString());
  const options = readOptions(place);
  options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
  return withOptions(options);
};

/** A place in the order of the whole database. */
export interface Place {
  readonly commit: bigint;
  readonly prepare: bigint;
}

/** What to read of all streams. */
export interface AllAsked {
  /** The first place; with `live`, the one before it. From the start when absent. */
  readonly from: Place | undefined;
  /** How names of streams begin, or types of events; the server filters by one of them. */
  readonly where: { readonly streams: readonly string[] } | { readonly types: readonly string[] };
  /** Goes on with what comes. */
  readonly live: boolean;
}

export const allRequest = ({ from, where, live }: AllAsked): ReadRequest => {
  const place = new streams.ReadReq.Options.AllOptions();
  if (from === undefined) place.setStart(new shared.Empty());
  else {
    const position = new streams.ReadReq.Options.Position();
    position.setCommitPosition(from.commit.toString());
    position.setPreparePosition(from.prepare.toString());
    place.setPosition(position);
  }
  const expression = new streams.ReadReq.Options.FilterOptions.Expression();
  const filter = new streams.ReadReq.Options.FilterOptions();
  expression.setPrefixList([...('streams' in where ? where.streams : where.types)]);
  if ('streams' in where) filter.setStreamIdentifier(expression);
  else filter.setEventType(expression);
  filter.setCount(new shared.Empty());
  filter.setCheckpointintervalmultiplier(1);
  const options = commonOptions();
  options.setAll(place);
  options.setFilter(filter);
  if (live) options.setSubscription(new streams.ReadReq.Options.SubscriptionOptions());
  else {
    options.setReadDirection(FORWARDS);
    options.setCount(String(Number.MAX_SAFE_INTEGER));
  }
  return withOptions(options);
};

const readOptions = (place: InstanceType<typeof streams.ReadReq.Options.StreamOptions>) => {
  const options = commonOptions();
  options.setStream(place);
  options.setNoFilter(new shared.Empty());
  return options;
};

const commonOptions = () => {
  const uuids = new streams.ReadReq.Options.UUIDOption();
  uuids.setString(new shared.Empty());
  const options = new streams.ReadReq.Options();
  options.setResolveLinks(false);
  options.setUuidOption(uuids);
  return options;
};

const withOptions = (options: InstanceType<typeof streams.ReadReq.Options>): ReadRequest => {
  const request = new streams.ReadReq();
  request.setOptions(options);
  return request;
};
