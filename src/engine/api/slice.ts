import type { Recorded } from '../../domain/envelope.ts';
import { Subject } from '../../domain/envelope.ts';
import { type Position, position } from '../../domain/identity.ts';
import { keepingEvents } from '../../domain/keeping.ts';
import { type LogQuery, matchesQuery } from '../../domain/log-query.ts';
import { isRejection, Rejection } from '../../domain/rejection.ts';
import { standInFor } from '../../domain/stand-in.ts';
import { definitionOf } from '../../domain/world.ts';
import { fold } from '../fold.ts';
import type { Ledger } from '../ledger.ts';
import type { Notary } from '../notary.ts';
import type { Call } from '../ports/call.ts';
import type { Log } from '../ports/log.ts';
import type {
  LeafEntry,
  LeafSource,
  SliceBegin,
  SliceEvent,
  SlicePiece,
  SliceQuery,
  TreeHead,
  TreeHeads,
} from '../ports/proofs.ts';
import type { Timeline } from '../timeline.ts';
import { emptyViews, type Views } from '../views.ts';
import { encodeViews, viewsSchema } from '../views-codec.ts';

export interface SliceParts {
  readonly log: Log;
  readonly ledger: Ledger;
  readonly heads: TreeHeads;
  readonly notary: Notary;
  readonly leaves: LeafSource;
  readonly timeline: Timeline;
  /** This version of Shiplog. */
  readonly program: string;
}

/** Lines of the state handed over at once. */
const LINES = 256;
/** Heads that go along at most; they say where between two of them something was changed. */
const HEADS = 256;

type LeavesOut = (event: Recorded) => boolean;

/**
 * A stretch of the log to take along, made while it is taken.
 * @throws Rejection `invalid-argument` for a stretch without events or a type that is not known, `failed-precondition`
 *   below the horizon or where no head can be signed
 */
export async function* slice(parts: SliceParts, query: SliceQuery, call: Call): AsyncGenerator<SlicePiece> {
  const { log, ledger, leaves } = parts;
  const { signal } = call;
  const [from, to] = await bounds(parts, query);
  const leftOut = leavesOut(query.redact);
  const explained = await redactedIn(log, from, to, leftOut);
  const state = await stateAt(parts, from, leftOut, signal);
  const { reason } = call.cause;
  yield {
    kind: 'begin',
    ...(await proofOf(parts, from, to)),
    program: parts.program,
    hostId: ledger.durable.world.host.hostId,
    from,
    to,
    keys: ledger.durable.world.signing.keys.map(({ vkey }) => vkey),
    schema: viewsSchema,
    state: state.what,
    redact: query.redact,
    ...(reason === undefined || reason === '' ? {} : { reason }),
  };
  if (state.views !== undefined) yield* linesOf(state.views);
  for await (const entries of leaves.entries(from, to)) {
    signal?.throwIfAborted();
    const events = entries.map((entry) => sliced(entry, leftOut, explained));
    if (events.length > 0) yield { kind: 'events', events };
  }
}

const bounds = async ({ log, timeline }: SliceParts, query: SliceQuery): Promise<[Position, Position]> => {
  const from = await timeline.positionOf(query.from);
  const to = query.to === undefined ? log.durable : await timeline.positionOf(query.to);
  if (from < log.horizon) {
    throw new Rejection(
      'failed-precondition',
      `slice from position ${from}: the log was pruned and begins at ${log.horizon}; begin there`,
    );
  }
  if (to > log.durable) {
    throw new Rejection('invalid-argument', `slice up to position ${to}: the log ends at ${log.durable}`);
  }
  if (from < to) return [from, to];
  throw new Rejection('invalid-argument', `slice from position ${from} to ${to}: there are no events in it`);
};

/** Which events lose their payload. @throws Rejection `invalid-argument` for a word that is neither type nor subject */
const leavesOut = (words: readonly string[]): LeavesOut | undefined => {
  if (words.length === 0) return undefined;
  const types = words.filter((word) => definitionOf(word) !== undefined);
  const subjects = words
    .filter((word) => definitionOf(word) === undefined)
    .map((word) => {
      const parsed = Subject.safeParse(word);
      if (parsed.success) return parsed.data;
      throw new Rejection(
        'invalid-argument',
        `leave out '${word}': it is neither a type of event (docs/events.md) nor a subject such as container/default/ID`,
      );
    });
  const queries: LogQuery[] = [
    ...(types.length > 0 ? [{ types }] : []),
    ...(subjects.length > 0 ? [{ subjects }] : []),
  ];
  return (event) => queries.some((one) => matchesQuery(one, event));
};

/** What redactions within the slice say that lies at some positions; they stay in it, so that they can be checked. */
const redactedIn = async (
  log: Log,
  from: Position,
  to: Position,
  leftOut: LeavesOut | undefined,
): Promise<ReadonlyMap<Position, { readonly by: Position; readonly hash: string }>> => {
  const found = new Map<Position, { readonly by: Position; readonly hash: string }>();
  for await (const events of log.read({ from, to, where: { types: ['payload-redacted'] } })) {
    for (const event of events) {
      if (leftOut?.(event)) continue;
      const { position: at, replacement } = keepingEvents['payload-redacted'].data.parse(event.data);
      found.set(position(BigInt(at)), { by: event.position, hash: replacement });
    }
  }
  return found;
};

/** The state before the first event; without any value of an event that is left out. */
const stateAt = async (
  { log, timeline }: SliceParts,
  from: Position,
  leftOut: LeavesOut | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly what: SliceBegin['state']; readonly views?: Views }> => {
  if (from === 0n) return { what: 'empty' };
  if (leftOut === undefined) return { what: 'whole', views: await timeline.viewsAt(from, signal) };
  // What was saved at a horizon can't be told apart by event any more.
  if (log.horizon > 0n) return { what: 'left-out' };
  let views = emptyViews;
  const range = { from: views, to: from, ...(signal === undefined ? {} : { signal }) };
  for await (const next of fold(without(log, leftOut), range)) views = next;
  return { what: 'cleaned', views };
};

/** The log with stand-ins for what is left out. */
const without = (log: Log, leftOut: LeavesOut): Pick<Log, 'read'> => ({
  async *read(range) {
    for await (const events of log.read(range)) {
      yield events.map((event) => (leftOut(event) ? { ...event, ...standIn(event) } : event));
    }
  },
});

/** @throws Rejection for an event that this version does not know */
const standIn = (event: Recorded): { readonly version: number; readonly data: unknown } => {
  const found = standInFor(event);
  if (isRejection(found)) throw found;
  return found;
};

async function* linesOf(views: Views): AsyncGenerator<SlicePiece> {
  let lines: string[] = [];
  for (const line of encodeViews(views)) {
    if (lines.push(line) < LINES) continue;
    yield { kind: 'state', lines };
    lines = [];
  }
  if (lines.length > 0) yield { kind: 'state', lines };
}

const sliced = (
  entry: LeafEntry,
  leftOut: LeavesOut | undefined,
  explained: Awaited<ReturnType<typeof redactedIn>>,
): SliceEvent => {
  const event = leftOut === undefined && entry.differs === undefined ? undefined : entry.event();
  if (event === undefined) return { entry: entry.entry, payload: entry.data, standIn: false };
  const redaction = explained.get(event.position);
  const told =
    entry.differs === undefined || (redaction?.hash === entry.differs && redaction.by > event.position);
  if (leftOut?.(event) !== true && told) return { entry: entry.entry, payload: entry.data, standIn: false };
  const stands = leftOut?.(event) === true ? standIn(event) : { version: event.version, data: event.data };
  return { entry: entry.entry, payload: new TextEncoder().encode(JSON.stringify(stands)), standIn: true };
};

/** A head that covers the slice, signed now where there is none, and those within it. */
const proofOf = async (
  { heads, notary }: SliceParts,
  from: Position,
  to: Position,
): Promise<Pick<SliceBegin, 'heads' | 'proof'>> => {
  await notary.covering(to);
  const covering = await heads.latest();
  if (covering === undefined || covering.size < to) {
    throw new Rejection('failed-precondition', `no head covers position ${to}, and none could be signed`);
  }
  const within: TreeHead[] = [];
  for await (const head of heads.heads()) {
    if (head.size <= from || head.size > to || head.size === within.at(-1)?.size) continue;
    within.push(head);
    // Every other one goes when there are too many: those that stay are spread as before.
    if (within.length >= 2 * HEADS)
      within.splice(0, within.length, ...within.filter((_, at) => at % 2 === 0));
  }
  const kept = within.filter((_, at) => within.length < HEADS || at % 2 === 0);
  const before = kept.filter(({ size }) => size < covering.size);
  return {
    heads: [...before.slice(-(HEADS - 1)), covering],
    proof: await heads.proveRange(from, to, covering),
  };
};
