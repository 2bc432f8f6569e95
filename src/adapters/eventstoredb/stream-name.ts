import { Rejection } from '../../domain/rejection.ts';

/** Name of the stream that holds a host's log. @throws Rejection `invalid-argument` */
export const streamOfHost = (hostId: string): string => {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(hostId)) return `shiplog-${hostId}`;
  throw new Rejection(
    'invalid-argument',
    `Naming the stream of host "${hostId}": an id of a host is 1 to 128 letters, digits, '.', '_' and '-', and begins with a letter or digit.`,
  );
};
