import { Rejection } from '../../domain/rejection.ts';

/** How the names of all hosts' streams begin. */
export const STREAM_PREFIX = 'shiplog-';

/** The host whose log a stream is; undefined for a stream that is none. */
export const hostOfStream = (stream: string): string | undefined =>
  stream.startsWith(STREAM_PREFIX) ? stream.slice(STREAM_PREFIX.length) : undefined;

/** Name of the stream that holds a host's log. @throws Rejection `invalid-argument` */
export const streamOfHost = (hostId: string): string => {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(hostId)) return `${STREAM_PREFIX}${hostId}`;
  throw new Rejection(
    'invalid-argument',
    `Naming the stream of host "${hostId}": an id of a host is 1 to 128 letters, digits, '.', '_' and '-', and begins with a letter or digit.`,
  );
};
