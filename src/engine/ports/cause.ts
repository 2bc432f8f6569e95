import type { Actor } from '../../domain/envelope.ts';
import type { Position } from '../../domain/identity.ts';

/** Who asks, and why: goes into every event that follows. */
export interface Cause {
  readonly actor: Actor;
  readonly correlation: string;
  readonly causation?: Position;
  readonly reason?: string;
}
