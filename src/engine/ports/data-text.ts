import type { Envelope } from '../../domain/envelope.ts';
import { Rejection } from '../../domain/rejection.ts';

/** An event's data as a log keeps it. @throws Rejection `invalid-argument` for data that JSON can't hold */
export const dataText = ({ type, data }: Envelope): string => {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    throw new Rejection('invalid-argument', `Appending ${type}: its data can't be written as JSON.`, {
      cause: error,
    });
  }
  if (text === undefined) throw new Rejection('invalid-argument', `Appending ${type}: it has no data.`);
  return text;
};
