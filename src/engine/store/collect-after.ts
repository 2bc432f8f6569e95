import type { Fact } from '../../domain/event.ts';
import type { DomainEvent } from '../../domain/world.ts';
import type { Cause } from '../ports/cause.ts';
import type { StoreParts } from './parts.ts';

/** Collects what a removal has freed, as a consequence of it; resolves when nothing is left to collect. */
export const collectAfter = async (
  { collector }: StoreParts,
  [removal]: readonly Fact<DomainEvent>[],
  cause: Cause,
): Promise<void> => {
  await collector.collect(removal === undefined ? cause : { ...cause, causation: removal.position });
};
