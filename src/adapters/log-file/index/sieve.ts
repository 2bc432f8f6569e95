import type { Subject } from '../../../domain/envelope.ts';
import type { LogQuery } from '../../../domain/log-query.ts';

type Passes = (bytes: Buffer, after: number) => boolean;

/**
 * How a part of the log without a sidecar is searched: events are kept as the JSON that this program writes, so an event
 * that a query asks for has certain bytes in it. Searching for those is many times faster than parsing every event. What
 * is found may still not be meant; what is not found is not there.
 */
export class Sieve {
  readonly #needles: readonly Buffer[];
  /** Whether what stands behind a needle passes. */
  readonly #passes: Passes;

  private constructor(needles: readonly string[], passes: Passes = () => true) {
    this.#needles = needles.map((needle) => Buffer.from(needle));
    this.#passes = passes;
  }

  /** @returns undefined where a query names nothing that is worth searching for */
  static of(query: LogQuery): Sieve | undefined {
    const needles =
      ofSubjects(query) ??
      query.correlations?.map((value) => member('correlation', value)) ??
      query.causes?.map((value) => member('causation', String(value))) ??
      query.types?.map((value) => member('type', value));
    if (needles !== undefined) return new Sieve(needles);
    return query.since === undefined && query.until === undefined
      ? undefined
      : new Sieve([WALL], within(query));
  }

  /** Where needles begin, ascending. */
  hits(bytes: Buffer): readonly number[] {
    const found: number[] = [];
    for (const needle of this.#needles) {
      for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + 1)) {
        if (this.#passes(bytes, at + needle.length)) found.push(at);
      }
    }
    return found.sort((a, b) => a - b);
  }
}

/** How `meta.time` begins. */
const WALL = '"time":{"wall":';

/** Whether the number that stands there is a time within a query's. */
const within =
  ({ since = 0, until = Number.POSITIVE_INFINITY }: { since?: number; until?: number }) =>
  (bytes: Buffer, after: number): boolean => {
    let wall = 0;
    for (let at = after; ; at += 1) {
      const digit = (bytes[at] ?? 0) - ZERO;
      // What is no plain number is left to whoever parses it.
      if (digit < 0 || digit > 9) return at === after || (wall >= since && wall <= until);
      wall = wall * 10 + digit;
    }
  };
const ZERO = 0x30;

const member = (name: string, value: string): string => `"${name}":${JSON.stringify(value)}`;
/** The beginning of a member whose value begins so. */
const begun = (name: string, value: string): string => member(name, value).slice(0, -1);

const ofSubjects = ({ subjects, prefixes }: LogQuery): readonly string[] | undefined => {
  if (subjects === undefined && prefixes === undefined) return undefined;
  const needles: string[] = [];
  for (const subject of subjects ?? []) {
    needles.push(member('subject', subject));
    const name = nameIn(subject);
    if (name !== undefined) needles.push(member('name', name));
  }
  for (const prefix of prefixes ?? []) {
    const name = nameIn(prefix);
    // So short that any name of a kind could follow.
    if (name === undefined && mayGiveName(prefix)) return undefined;
    needles.push(begun('subject', prefix));
    if (name !== undefined) needles.push(begun('name', name));
  }
  return needles;
};

/** How many parts stand before the name, in the subjects that `subjectsOf` makes of names. */
const partsBeforeName = { container: 2, snapshot: 3 };

const mayGiveName = (prefix: string): boolean =>
  Object.keys(partsBeforeName).some((kind) => `${kind}/`.startsWith(prefix) || prefix.startsWith(`${kind}/`));

/** What a name begins with where a subject, made of it, begins so. */
const nameIn = (start: Subject | string): string | undefined => {
  const parts = start.split('/');
  const before = parts[0] === 'container' || parts[0] === 'snapshot' ? partsBeforeName[parts[0]] : undefined;
  return before === undefined || parts.length <= before ? undefined : parts.slice(before).join('/');
};
