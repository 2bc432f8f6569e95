import type { Envelope } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import type { Position } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import { upcast } from '../domain/upcast.ts';
import { type DomainEvent, definitionOf } from '../domain/world.ts';

/**
 * A recorded event as the folds take it.
 * @throws Rejection `data-loss` where this version does not know the type or is older than the event
 */
export const factOf = (recorded: Envelope & { readonly position: Position }): Fact<DomainEvent> => {
  const definition = definitionOf(recorded.type);
  if (definition === undefined || recorded.version > definition.version) {
    throw new Rejection(
      'data-loss',
      `event ${recorded.position} is '${recorded.type}' version ${recorded.version}, which this version of Shiplog can't read; start the version that wrote it, or a newer one`,
    );
  }
  const { version } = recorded;
  const current =
    version === definition.version
      ? recorded
      : { ...recorded, version: definition.version, data: upcast(definition, version, recorded.data) };
  return current as unknown as Fact<DomainEvent>;
};
