import type { EventDefinition } from './event.ts';

/**
 * Brings the data of an event of any age to the shape that its definition has now. Old events are read for ever: what is
 * in a log is never rewritten, so each change of a shape keeps the way up from the one before it.
 * @param version of the event as it was written, 1 to the definition's
 */
export const upcast = ({ upcasts = [] }: EventDefinition, version: number, data: unknown): unknown =>
  upcasts.slice(version - 1).reduce((older, step) => step(older), data);
