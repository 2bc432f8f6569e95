import type { Subject } from '../../../domain/envelope.ts';
import type { LogQuery } from '../../../domain/log-query.ts';

/** Bytes to be searched for, and what else must hold where they are found. */
interface Needle {
  readonly bytes: Buffer;
  /** @param at where they begin */
  passes(bytes: Buffer, at: number): boolean;
}

/**
 * How a part of the log without a sidecar is searched: events are kept as the JSON that this program writes, so an event
 * that a query asks for has certain bytes in it. Searching for those is many times faster than parsing every event. What
 * is found may still not be meant; what is not found is not there.
 */
export class Sieve {
  readonly #needles: readonly Needle[];

  private constructor(needles: readonly Needle[]) {
    this.#needles = needles;
  }

  /** @returns undefined where a query names nothing that is worth searching for */
  static of(query: LogQuery): Sieve | undefined {
    const needles =
      ofSubjects(query) ??
      query.correlations?.map((value) => plain(member('correlation', value))) ??
      query.causes?.map((value) => plain(member('causation', String(value)))) ??
      query.types?.map((value) => plain(member('type', value)));
    if (needles !== undefined) return new Sieve(needles);
    return query.since === undefined && query.until === undefined
      ? undefined
      : new Sieve([{ bytes: Buffer.from(WALL), passes: within(query) }]);
  }

  /** Where needles begin, ascending. */
  hits(bytes: Buffer): readonly number[] {
    const found: number[] = [];
    for (const needle of this.#needles) {
      for (let at = bytes.indexOf(needle.bytes); at !== -1; at = bytes.indexOf(needle.bytes, at + 1)) {
        if (needle.passes(bytes, at)) found.push(at);
      }
    }
    return found.sort((a, b) => a - b);
  }
}

const plain = (text: string): Needle => ({ bytes: Buffer.from(text), passes: () => true });

/** A text that counts only behind one of some others: one search where each of them with it would take its own. */
const behind = (text: string, befores: readonly string[]): Needle => {
  const ones = befores.map((before) => Buffer.from(before));
  const passes = (bytes: Buffer, at: number): boolean =>
    ones.some((one) => at >= one.length && bytes.compare(one, 0, one.length, at - one.length, at) === 0);
  return { bytes: Buffer.from(text), passes };
};

/** How `meta.time` begins. */
const WALL = '"time":{"wall":';

/** Whether the number that stands there is a time within a query's. */
const within =
  ({ since = 0, until = Number.POSITIVE_INFINITY }: { since?: number; until?: number }) =>
  (bytes: Buffer, start: number): boolean => {
    const after = start + WALL.length;
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

const ofSubjects = ({ subjects, prefixes }: LogQuery): readonly Needle[] | undefined => {
  if (subjects === undefined && prefixes === undefined) return undefined;
  const needles = (subjects ?? []).flatMap((subject) =>
    underNames(member('subject', subject), nameIn(subject), '"'),
  );
  for (const prefix of prefixes ?? []) {
    const named = nameIn(prefix);
    // So short that any name of a kind could follow.
    if (named === undefined && mayGiveName(prefix)) return undefined;
    needles.push(...underNames(begun('subject', prefix), named, ''));
  }
  return needles;
};

/** Shorter ends are found too often to be searched for by themselves. */
const END_CHARACTERS = 6;

/**
 * @param whole the member with the subject
 * @param named what the subject ends with, where that may be the value of a field
 * @param end what follows the name
 */
const underNames = (whole: string, named: Named | undefined, end: string): readonly Needle[] => {
  if (named === undefined) return [plain(whole)];
  const text = `${JSON.stringify(named.value).slice(1, -1)}${end}`;
  const field = begun(named.field, '');
  if (text.length < END_CHARACTERS) return [plain(whole), plain(`${field}${text}`)];
  return [behind(text, [whole.slice(0, -text.length), field])];
};

/** The subjects that `subjectsOf` makes of data: of which field, and how many parts stand before its value. */
const madeOf = {
  container: { field: 'name', before: 2 },
  snapshot: { field: 'name', before: 3 },
  blob: { field: 'digest', before: 2 },
} as const;

const mayGiveName = (prefix: string): boolean =>
  Object.keys(madeOf).some((kind) => `${kind}/`.startsWith(prefix) || prefix.startsWith(`${kind}/`));

/** A field of an event's data, and what its value is or begins with. */
interface Named {
  readonly field: string;
  readonly value: string;
}

/** What stands in data where a subject, made of it, begins so. */
const nameIn = (start: Subject | string): Named | undefined => {
  const [kind = '', ...rest] = start.split('/');
  if (kind !== 'container' && kind !== 'snapshot' && kind !== 'blob') return undefined;
  const { field, before } = madeOf[kind];
  return rest.length < before ? undefined : { field, value: rest.slice(before - 1).join('/') };
};
