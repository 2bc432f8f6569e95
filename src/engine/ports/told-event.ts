import type { Metadata, Subject } from '../../domain/envelope.ts';
import type { Position } from '../../domain/identity.ts';

/** An event with a line that tells it. */
export interface ToldEvent {
  readonly position: Position;
  readonly type: string;
  readonly version: number;
  readonly subject: Subject;
  readonly data: unknown;
  readonly meta: Metadata;
  readonly summary: string;
  /** Position of the event by which texts were taken out of this one. */
  readonly redactedBy?: Position;
}
