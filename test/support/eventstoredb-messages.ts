import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { AppendReq, AppendResp, ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { AppendAnswer, Expected, HeldEvent, Placed } from './eventstoredb-streams.ts';

/** The server's half of the messages. */

const nameOf = (identifier: { getStreamName_asU8(): Uint8Array } | undefined): string =>
  Buffer.from(identifier?.getStreamName_asU8() ?? []).toString();

const identifierOf = (stream: string) => {
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(Buffer.from(stream));
  return identifier;
};

export const streamOf = (head: AppendReq | undefined): string =>
  nameOf(head?.getOptions()?.getStreamIdentifier());

export const expectedOf = (head: AppendReq | undefined): Expected => {
  const options = head?.getOptions();
  if (options?.hasRevision()) return BigInt(options.getRevision());
  if (options?.hasNoStream()) return 'no-stream';
  return options?.hasStreamExists() ? 'exists' : 'any';
};

export const heldEvent = (request: AppendReq): HeldEvent => {
  const message = request.getProposedMessage();
  if (message === undefined) throw new Error('an append has options after its first message');
  return {
    id: message.getId()?.getString() ?? '',
    type: message.getMetadataMap().get('type') ?? '',
    contentType: message.getMetadataMap().get('content-type') ?? '',
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
    created: BigInt(Date.now()) * 10_000n,
  };
};

export const appendResponse = (said: AppendAnswer): AppendResp => {
  const response = new streams.AppendResp();
  if (said.kind === 'stored') {
    const success = new streams.AppendResp.Success();
    success.setCurrentRevision(said.last.toString());
    success.setNoPosition(new shared.Empty());
    response.setSuccess(success);
  } else {
    const conflict = new streams.AppendResp.WrongExpectedVersion();
    if (said.last === undefined) conflict.setCurrentNoStream(new shared.Empty());
    else conflict.setCurrentRevision(said.last.toString());
    response.setWrongExpectedVersion(conflict);
  }
  return response;
};

/** What a read or a subscription asks for; a subscription's revision is the one before its first event. */
export const readAsked = (request: ReadReq) => {
  const options = request.getOptions();
  const place = options?.getStream();
  const subscribes = options?.hasSubscription() ?? false;
  const revision = Number(place?.getRevision() ?? 0);
  const from: number | 'end' = place?.hasEnd()
    ? 'end'
    : place?.hasRevision()
      ? revision + (subscribes ? 1 : 0)
      : 0;
  return {
    stream: nameOf(place?.getStreamIdentifier()),
    from,
    count: Number(options?.getCount() ?? 0),
    backward: options?.getReadDirection() === 1,
    subscribes,
  };
};

/** What a read of `$all` asks for: events at or after a place, of which a subscription leaves out the one there. */
export const allAsked = (request: ReadReq) => {
  const options = request.getOptions();
  const position = options?.getAll()?.getPosition();
  const filter = options?.getFilter();
  const prefixes = (expression: { getPrefixList(): string[] } | undefined) => expression?.getPrefixList();
  const streams = prefixes(filter?.getStreamIdentifier());
  const types = prefixes(filter?.getEventType());
  const subscribes = options?.hasSubscription() ?? false;
  const begins = (text: string, list: string[] | undefined) =>
    list === undefined || list.some((prefix) => text.startsWith(prefix));
  return {
    subscribes,
    from: position === undefined ? 0 : Number(position.getCommitPosition()) / 100 - 1 + (subscribes ? 1 : 0),
    count: subscribes ? Number.POSITIVE_INFINITY : Number(options?.getCount() ?? 0),
    wants: ({ stream, held }: Placed) => begins(stream, streams) && begins(held.type, types),
  };
};

/** @param place in `$all`, from 0 */
export const placedResponse = ({ stream, revision, held }: Placed, place: number): ReadResp => {
  const response = eventResponse(stream, BigInt(revision), held);
  const at = String((place + 1) * 100);
  response.getEvent()?.getEvent()?.setCommitPosition(at);
  response.getEvent()?.getEvent()?.setPreparePosition(at);
  response.getEvent()?.setCommitPosition(at);
  return response;
};

export const eventResponse = (stream: string, revision: bigint, held: HeldEvent): ReadResp => {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
  const uuid = new shared.UUID();
  uuid.setString(held.id);
  recorded.setId(uuid);
  recorded.setStreamIdentifier(identifierOf(stream));
  recorded.setStreamRevision(revision.toString());
  recorded.getMetadataMap().set('type', held.type);
  recorded.getMetadataMap().set('content-type', held.contentType);
  recorded.getMetadataMap().set('created', held.created.toString());
  recorded.setData(held.data);
  recorded.setCustomMetadata(held.metadata);
  const event = new streams.ReadResp.ReadEvent();
  event.setEvent(recorded);
  event.setNoPosition(new shared.Empty());
  const response = new streams.ReadResp();
  response.setEvent(event);
  return response;
};

export const streamNotFound = (stream: string): ReadResp => {
  const missing = new streams.ReadResp.StreamNotFound();
  missing.setStreamIdentifier(identifierOf(stream));
  const response = new streams.ReadResp();
  response.setStreamNotFound(missing);
  return response;
};

export const confirmation = (): ReadResp => {
  const confirmed = new streams.ReadResp.SubscriptionConfirmation();
  confirmed.setSubscriptionId('1');
  const response = new streams.ReadResp();
  response.setConfirmation(confirmed);
  return response;
};

export const caughtUpResponse = (): ReadResp => {
  const response = new streams.ReadResp();
  response.setCaughtUp(new streams.ReadResp.CaughtUp());
  return response;
};
