import type { Moment } from '../../domain/envelope.ts';

/** Time and fresh names come in through here, so that decisions and tests never reach for them. */
export interface Clock {
  now(): Moment;
  /** Resolves after `ms` milliseconds, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Names {
  /** A fresh name: 64 hexadecimal digits, as docker's container ids. */
  hex64(): string;
  /** A fresh name that sorts by time: 26 lower-case Crockford base32 digits. */
  sortable(): string;
  /** A fresh name that is short and sorts by time: 12 lower-case letters and digits, unique on this host. */
  brief(): string;
  /** A fresh name that people can say and remember: `adjective_noun`; not unique for ever. */
  spoken(): string;
}
