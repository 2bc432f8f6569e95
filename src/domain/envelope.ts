import { z } from 'zod';
import { type Namespace, type Position, Timestamp } from './identity.ts';
import { joined } from './joined.ts';

/** Who asked: read from the peer of the socket by the kernel, never from what the client says of itself. */
export const Actor = z
  .object({
    uid: z.number().int(),
    gid: z.number().int(),
    pid: z.number().int(),
    /** Path of the peer's executable at the time of the call; empty where it had gone. */
    exe: z.string(),
    /** What the client calls itself. */
    client: z.string(),
  })
  .readonly();
export type Actor = z.infer<typeof Actor>;

/** When: the wall clock may jump, so the monotonic clock and the boot it counts from stand beside it. */
export const Moment = z
  .object({
    /** Microseconds since the Unix epoch. */
    wall: Timestamp,
    /** Microseconds since boot (CLOCK_MONOTONIC). */
    mono: z.number().int(),
    /** The kernel's boot id. */
    boot: z.string(),
  })
  .readonly();
export type Moment = z.infer<typeof Moment>;

/** Who, when and why: on every event. */
export const Metadata = z
  .object({
    actor: Actor,
    time: Moment,
    /** Shared by everything that follows from one request. */
    correlation: z.string().min(1),
    /** Position of the event that led to this one; absent at the head of a chain. Decimal, since JSON has no bigint. */
    causation: z.string().regex(/^\d+$/).optional(),
    /** The caller's own words, where it gave any. */
    reason: z.string().max(1024).optional(),
  })
  .readonly();
export type Metadata = z.infer<typeof Metadata>;

/** The kinds of subject; `satisfies Record<SubjectKind, …>` keeps tables over them whole. */
export const subjectKinds = [
  'host',
  'namespace',
  'blob',
  'ingest',
  'image',
  'snapshot',
  'lease',
  'container',
  'transfer',
  'sandbox',
  'activation',
] as const;
export type SubjectKind = (typeof subjectKinds)[number];

/**
 * The thing an event is about, as `kind/namespace/id` (`host` has neither); the per-subject index is over this string.
 * Ids may hold slashes: only the first two divide.
 */
export type Subject = string & z.BRAND<'Subject'>;
export const Subject = z
  .string()
  .regex(new RegExp(`^(?:host|(?:${subjectKinds.join('|')})/[^/]+/.+)$`, 's'))
  .brand<'Subject'>();
export const subject = (kind: Exclude<SubjectKind, 'host'>, namespace: Namespace, id: string): Subject =>
  joined(joined(kind, namespace), id) as Subject;
export const hostSubject = 'host' as Subject;

/** What a log stores: `type` and `version` name the schema of `data`. */
export interface Envelope<Type extends string = string, Data = unknown> {
  readonly type: Type;
  readonly version: number;
  readonly subject: Subject;
  readonly data: Data;
  readonly meta: Metadata;
}

/** An event with its place in the log. */
export type Recorded<E extends Envelope = Envelope> = E & { readonly position: Position };
