import { position, Timestamp } from '../../domain/identity.ts';
import type { At } from '../../engine/ports/at.ts';
import type { At as WireAt } from '../../gen/shiplog/v1/types_pb.ts';
import { invalid, numberOf, parse } from './parse.ts';

/** The moment that a request names; undefined where it asks about now. @throws Rejection `invalid-argument` */
export const atOf = (message: WireAt | undefined): At | undefined => {
  const moment = message?.moment;
  switch (moment?.case) {
    case undefined:
      return undefined;
    case 'position':
      return { position: position(moment.value) };
    case 'timeUs':
      return { time: parse(Timestamp, numberOf(moment.value, 'at.time_us'), 'at.time_us') };
    default:
      return moment satisfies never;
  }
};

/** As {@link atOf}, where there is no answer without one. */
export const atRequired = (message: WireAt | undefined): At => {
  const at = atOf(message);
  if (at === undefined) throw invalid('at', 'is empty; give a position or a time');
  return at;
};
