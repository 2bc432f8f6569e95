import type { Envelope } from '../../../domain/envelope.ts';
import { type LogQuery, namespaceOf, subjectsOf } from '../../../domain/log-query.ts';

/** What events are indexed by. The order is part of the sidecar's format. */
export const fields = ['subject', 'correlation', 'cause', 'type', 'namespace', 'actor'] as const;
export type Field = (typeof fields)[number];

const HALF_PAIR = /\p{Surrogate}/u;

/** A term as it is read back from UTF-8, which has no bytes for half a surrogate pair. */
const asKept = (term: string): string => (HALF_PAIR.test(term) ? Buffer.from(term).toString() : term);
const prefixAsKept = (prefix: string): string => {
  const broken = prefix.search(HALF_PAIR);
  return broken === -1 ? prefix : prefix.slice(0, broken);
};

/** Calls `take` with everything that an event is found under. */
export const eachTerm = (event: Envelope, take: (field: Field, term: string) => void): void => {
  const { type, subject, meta } = event;
  for (const one of subjectsOf(event)) take('subject', asKept(one));
  take('correlation', asKept(meta.correlation));
  if (meta.causation !== undefined) take('cause', BigInt(meta.causation).toString());
  take('type', asKept(type));
  const namespace = namespaceOf(subject);
  if (namespace !== undefined) take('namespace', asKept(namespace));
  take('actor', String(meta.actor.uid));
};

/** What a query asks of one field: any of these terms, or one that begins so. */
export interface Wanted {
  readonly field: Field;
  readonly terms: readonly string[];
  readonly prefixes: readonly string[];
}

/** What a query asks of each field that it asks something of; all must hold. */
export const wantedOf = (query: LogQuery): readonly Wanted[] => {
  const { subjects, prefixes, correlations, causes, types, namespaces, actors } = query;
  const about = subjects === undefined && prefixes === undefined ? undefined : (subjects ?? []);
  const asked: Readonly<Record<Field, readonly (string | number | bigint)[] | undefined>> = {
    subject: about,
    correlation: correlations,
    cause: causes,
    type: types,
    namespace: namespaces,
    actor: actors,
  };
  return fields.flatMap((field) => {
    const terms = asked[field];
    if (terms === undefined) return [];
    const begun = field === 'subject' ? (prefixes ?? []) : [];
    return [{ field, terms: terms.map((term) => asKept(String(term))), prefixes: begun.map(prefixAsKept) }];
  });
};
