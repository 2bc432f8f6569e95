import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import gossipServices from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import featureServices from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { AppendReq, AppendResp, ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import {
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerErrorResponse,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import { type Front, openFront } from './eventstoredb-front.ts';
import {
  allAsked,
  appendResponse,
  caughtUpResponse,
  confirmation,
  eventResponse,
  expectedOf,
  heldEvent,
  placedResponse,
  readAsked,
  streamNotFound,
  streamOf,
} from './eventstoredb-messages.ts';
import { HeldStreams } from './eventstoredb-streams.ts';

/** What a test may have go wrong. All can be changed while the server runs. */
export interface Knobs {
  /** Before each append is carried out. Milliseconds. */
  appendDelayMs: number;
  /** The next so many appends break the connection, before or after they are stored. */
  breakAppends: { count: number; when: 'before' | 'after' };
  /** The next so many appends are stored and never answered. */
  muteAppends: number;
  /** The next so many reads break the connection after this number of events. */
  breakReads: { count: number; after: number };
  /** The next so many reads fall silent after their first event. */
  muteReads: number;
  /** Where the leader is; a call that needs it is sent there. Absent: here. */
  leader: { readonly address: string; readonly port: number } | undefined;
  /** `user:password` that each call must bring. */
  login: string | undefined;
  /** Users that may sign in but not touch the stream. */
  denied: boolean;
  maxAppendBytes: number;
}

export interface EventStoreServerOptions {
  /** Shared by the nodes of a cluster. */
  readonly streams?: HeldStreams;
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
}

export interface EventStoreServer {
  readonly streams: HeldStreams;
  readonly knobs: Knobs;
  readonly front: Front;
  /** Port behind the front: a door less, for measuring. */
  readonly direct: number;
  /** Append and read calls that came, by name. */
  readonly calls: { append: number; read: number };
  close(): Promise<void>;
}

/**
 * A server of the parts of EventStoreDB's protocol that the adapter uses, in this process, over real sockets. It is made
 * of the package's own generated code; how it answers is taken from public documentation and from what the client expects.
 */
export const startEventStoreServer = async (
  options: EventStoreServerOptions = {},
): Promise<EventStoreServer> => {
  const streams = options.streams ?? new HeldStreams();
  const knobs: Knobs = {
    appendDelayMs: 0,
    breakAppends: { count: 0, when: 'before' },
    muteAppends: 0,
    breakReads: { count: 0, after: 0 },
    muteReads: 0,
    leader: undefined,
    login: undefined,
    denied: false,
    maxAppendBytes: 16 * 1024 * 1024,
  };
  const calls = { append: 0, read: 0 };
  const server = new Server({ 'grpc.max_receive_message_length': 32 * 1024 * 1024 });
  let front: Front | undefined;
  const context: Context = { streams, knobs, calls, cut: () => front?.cut() };
  server.addService(streamServices.StreamsService, {
    append: appendHandler(context),
    read: readHandler(context),
  });
  server.addService(featureServices.ServerFeaturesService, {
    getSupportedMethods: (_, answer) => answer(null, new features.SupportedMethods()),
  } satisfies Partial<featureServices.IServerFeaturesServer>);
  server.addService(gossipServices.GossipService, {
    read: (_, answer) => answer(null, members(knobs, front)),
  } satisfies Partial<gossipServices.IGossipServer>);
  const { tls } = options;
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }]);
  const direct = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
  front = await openFront(direct);
  const opened = front;
  return {
    streams,
    knobs,
    front,
    direct,
    calls,
    close: async () => {
      await opened.shut();
      server.forceShutdown();
    },
  };
};

interface Context {
  readonly streams: HeldStreams;
  readonly knobs: Knobs;
  readonly calls: { append: number; read: number };
  readonly cut: () => void;
}

const LEADER = 8;

const members = (knobs: Knobs, front: Front | undefined) => {
  const place = new gossip.EndPoint();
  place.setAddress(knobs.leader?.address ?? '127.0.0.1');
  place.setPort(knobs.leader?.port ?? front?.port ?? 0);
  const member = new gossip.MemberInfo();
  member.setIsAlive(true);
  member.setState(LEADER);
  member.setHttpEndPoint(place);
  const info = new gossip.ClusterInfo();
  info.addMembers(member);
  return info;
};

const refusal = (code: number, exception: string, trailers: Record<string, string> = {}) => {
  const metadata = new Metadata();
  metadata.set('exception', exception);
  for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
  return Object.assign(new Error(exception), { code, details: exception, metadata });
};

/** Why a call is turned away before it is looked at. */
const turnedAway = ({ knobs }: Context, metadata: Metadata): ServerErrorResponse | undefined => {
  const given = String(metadata.get('authorization')[0] ?? '');
  if (knobs.login !== undefined && given !== `Basic ${Buffer.from(knobs.login).toString('base64')}`) {
    return refusal(status.UNAUTHENTICATED, 'access-denied');
  }
  if (knobs.denied) return refusal(status.PERMISSION_DENIED, 'access-denied');
  if (knobs.leader !== undefined && metadata.get('requires-leader')[0] === 'true') {
    return refusal(status.NOT_FOUND, 'not-leader', {
      'leader-endpoint-host': knobs.leader.address,
      'leader-endpoint-port': String(knobs.leader.port),
    });
  }
  return undefined;
};

const appendHandler =
  (context: Context): handleClientStreamingCall<AppendReq, AppendResp> =>
  (call, answer) => {
    const { knobs, streams, calls, cut } = context;
    const requests: AppendReq[] = [];
    calls.append += 1;
    const carryOut = async (): Promise<void> => {
      // grpc-js ends what it reads of a call that was cut off, too; half an append is none.
      await new Promise((resolve) => setImmediate(resolve));
      if (call.cancelled) return;
      const refused = turnedAway(context, call.metadata);
      if (refused !== undefined) return answer(refused);
      if (knobs.appendDelayMs > 0) await sleep(knobs.appendDelayMs);
      const [head, ...rest] = requests;
      const events = rest.map(heldEvent);
      const bytes = events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
      if (bytes > knobs.maxAppendBytes) {
        return answer(refusal(status.INVALID_ARGUMENT, 'maximum-append-size-exceeded'));
      }
      const breaking = knobs.breakAppends.count > 0;
      if (breaking) knobs.breakAppends.count -= 1;
      if (breaking && knobs.breakAppends.when === 'before') return cut();
      const said = streams.append(streamOf(head), expectedOf(head), events);
      if (breaking) return cut();
      if (knobs.muteAppends > 0) knobs.muteAppends -= 1;
      else answer(null, appendResponse(said));
    };
    call.on('data', (request: AppendReq) => requests.push(request));
    call.on('end', () => {
      carryOut().catch((error: Error) => answer(error));
    });
  };

const readHandler =
  (context: Context): handleServerStreamingCall<ReadReq, ReadResp> =>
  (call) => {
    context.calls.read += 1;
    const refused = turnedAway(context, call.metadata);
    if (refused !== undefined) {
      call.emit('error', refused);
      return;
    }
    const { subscribes } = readAsked(call.request);
    const giving = call.request.getOptions()?.hasAll()
      ? giveAll(context, call)
      : subscribes
        ? follow(context, call)
        : give(context, call);
    giving.catch((error: unknown) => call.emit('error', error));
  };

type ReadCall = ServerWritableStream<ReadReq, ReadResp>;

const write = async (call: ReadCall, response: ReadResp): Promise<void> => {
  if (call.write(response) || call.cancelled) return;
  const waiting = new AbortController();
  const { signal } = waiting;
  await Promise.race(
    ['drain', 'cancelled', 'close'].map((event) => once(call, event, { signal }).catch(() => undefined)),
  );
  waiting.abort();
};

/** Sends events from a revision on. @returns whether the call is still whole */
const sendEvents = async (
  { knobs, cut }: Context,
  call: ReadCall,
  revisions: Iterable<number>,
  stream: string,
  streams: HeldStreams,
): Promise<boolean> => {
  const breaking = knobs.breakReads.count > 0;
  if (breaking) knobs.breakReads.count -= 1;
  const muted = knobs.muteReads > 0;
  if (muted) knobs.muteReads -= 1;
  let sent = 0;
  for (const revision of revisions) {
    const held = streams.events(stream)[revision];
    if (held === undefined || call.cancelled) break;
    if (breaking && sent === knobs.breakReads.after) {
      // What was written is on its way before the connection goes.
      await sleep(20);
      cut();
      return false;
    }
    if (muted && sent === 1) return false;
    await write(call, eventResponse(stream, BigInt(revision), held));
    sent += 1;
  }
  return !call.cancelled;
};

const give = async (context: Context, call: ReadCall): Promise<void> => {
  const { streams } = context;
  const { stream, from, count, backward } = readAsked(call.request);
  const { length } = streams.events(stream);
  if (length === 0) {
    await write(call, streamNotFound(stream));
    call.end();
    return;
  }
  function* revisions() {
    const first = from === 'end' ? length - 1 : Math.min(from, backward ? length - 1 : from);
    const last = backward ? Math.max(0, first - count + 1) : Math.min(length, first + count) - 1;
    if (backward) for (let at = first; at >= last; at -= 1) yield at;
    else for (let at = first; at <= last; at += 1) yield at;
  }
  if (await sendEvents(context, call, revisions(), stream, streams)) call.end();
};

/** `$all`, filtered; a subscription goes on with what comes. */
const giveAll = async ({ streams, knobs, cut }: Context, call: ReadCall): Promise<void> => {
  const { from, count, subscribes, wants } = allAsked(call.request);
  if (subscribes) await write(call, confirmation());
  const breaking = knobs.breakReads.count > 0;
  if (breaking) knobs.breakReads.count -= 1;
  let wake: (() => void) | undefined;
  const end = streams.watch(() => wake?.());
  call.on('cancelled', () => wake?.());
  let sent = 0;
  for (let place = from; !call.cancelled && sent < count; place += 1) {
    while (subscribes && place >= streams.all.length && !call.cancelled) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const placed = streams.all[place];
    if (placed === undefined) break;
    if (!wants(placed)) continue;
    if (breaking && sent === knobs.breakReads.after) {
      // What was written is on its way before the connection goes.
      await sleep(20);
      cut();
      break;
    }
    await write(call, placedResponse(placed, place));
    sent += 1;
  }
  end();
  call.end();
};

const follow = async (context: Context, call: ReadCall): Promise<void> => {
  const { streams } = context;
  const { stream, from } = readAsked(call.request);
  let next = from === 'end' ? streams.events(stream).length : from;
  let wake: (() => void) | undefined;
  const end = streams.watch(() => wake?.());
  call.on('cancelled', () => {
    end();
    wake?.();
  });
  await write(call, confirmation());
  for (let first = true; !call.cancelled; first = false) {
    const until = streams.events(stream).length;
    const revisions = Array.from({ length: Math.max(0, until - next) }, (_, index) => next + index);
    if (!(await sendEvents(context, call, revisions, stream, streams))) return;
    next = Math.max(next, until);
    if (first) await write(call, caughtUpResponse());
    if (streams.events(stream).length > next || call.cancelled) continue;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
};
