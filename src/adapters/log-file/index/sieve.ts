import type { Subject } from '../../../domain/envelope.ts';
import type { LogQuery } from '../../../domain/log-query.ts';

/**
 * How a part of the log without a sidecar is searched: events are kept as the JSON that this program writes, so an event
 * that a query asks for has certain bytes in it. Searching for those is many times faster than parsing every event. What
 * is found may still not be meant; what is not found is not there.
 */
export class Sieve {
  readonly #needles: readonly Buffer[];

  private constructor(needles: readonly string[]) {
    this.#needles = needles.map((needle) => Buffer.from(needle));
  }

  /** @returns undefined where a query names nothing that is worth searching for */
  static of(query: LogQuery): Sieve | undefined {
    const needles =
      ofSubjects(query) ??
      query.correlations?.map((value) => member('correlation', value)) ??
      query.causes?.map((value) => member('causation', String(value))) ??
      query.types?.map((value) => member('type', value));
    return needles === undefined ? undefined : new Sieve(needles);
  }

  /** Where needles begin, ascending. */
  hits(bytes: Buffer): readonly number[] {
    const found: number[] = [];
    for (const needle of this.#needles) {
      for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + 1)) found.push(at);
    }
    return found.sort((a, b) => a - b);
  }
}

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
