import type { Subject, SubjectKind } from '../domain/envelope.ts';
import type { Fact } from '../domain/event.ts';
import { type LogQuery, namespaceOf } from '../domain/log-query.ts';
import { PersistentMap } from '../domain/persistent-map.ts';
import { type DomainEvent, eventTables, evolve, type World } from '../domain/world.ts';
import { fieldsBetween, fieldsOf, kindOf, stateOf, thingsBetween } from './changes.ts';

type Setters = PersistentMap<Fact<DomainEvent>>;

/** A fold that remembers, for the things it watches, the last event that changed each field. */
export interface Trace {
  readonly world: World;
  readonly watched: ReadonlySet<Subject>;
  /** By subject, then by the path of the field; also of fields that are gone. */
  readonly setters: PersistentMap<Setters>;
}

export const traceFrom = (world: World, watched: Iterable<Subject>): Trace => ({
  world,
  watched: new Set(watched),
  setters: PersistentMap.empty(),
});

/**
 * The trace after an event. It may be fed only the events of what it watches: the states of other things are then not
 * those of any moment, and nobody asks for them.
 */
export const evolveTrace = ({ world, watched, setters }: Trace, fact: Fact<DomainEvent>): Trace => {
  const next = evolve(world, fact);
  let known = setters;
  for (const subject of thingsBetween(world, next)) {
    if (!watched.has(subject)) continue;
    let own = known.get(subject) ?? PersistentMap.empty<Fact<DomainEvent>>();
    for (const { path } of fieldsBetween(stateOf(world, subject), stateOf(next, subject))) {
      own = own.set(path, fact);
    }
    known = known.set(subject, own);
  }
  return { world: next, watched, setters: known };
};

/** The event that a trace holds to have set a field of a thing. */
export const setterOf = ({ setters }: Trace, subject: Subject, path: string): Fact<DomainEvent> | undefined =>
  setters.get(subject)?.get(path);

/** Things, and the events that can have changed them. */
export interface Sought {
  readonly watched: readonly Subject[];
  readonly query: LogQuery;
}

/** Things asked for in one query at most. */
const BATCH = 64;

// Events about other things change these too: a snapshot counts its children and takes another name when it is
// committed, a write of content ends when its blob is there. Their whole kind is read.
const wide = {
  snapshot: Object.keys(eventTables.snapshot),
  ingest: Object.keys(eventTables.content),
} as const satisfies Partial<Record<SubjectKind, readonly string[]>>;
const isWide = (kind: SubjectKind): kind is keyof typeof wide => Object.hasOwn(wide, kind);

/** What to read from a log for traces of things; each part is a trace of its own. */
export const eventsChanging = (subjects: Iterable<Subject>): readonly Sought[] => {
  const own: Subject[] = [];
  const kinds = new Map<string, Subject[]>();
  for (const subject of subjects) {
    const kind = kindOf(subject);
    if (!isWide(kind)) own.push(subject);
    else {
      const key = `${kind}/${namespaceOf(subject)}`;
      kinds.set(key, [...(kinds.get(key) ?? []), subject]);
    }
  }
  const sought: Sought[] = [];
  for (let at = 0; at < own.length; at += BATCH) {
    const watched = own.slice(at, at + BATCH);
    sought.push({ watched, query: { subjects: watched } });
  }
  for (const watched of kinds.values()) {
    const [first] = watched;
    const kind = first === undefined ? 'host' : kindOf(first);
    const namespace = first === undefined ? undefined : namespaceOf(first);
    if (!isWide(kind) || namespace === undefined) continue;
    sought.push({ watched, query: { types: wide[kind], namespaces: [namespace] } });
  }
  return sought;
};

/** A field of a thing, its value, and the event that gave it that value. */
export interface Blamed {
  readonly path: string;
  readonly value: unknown;
  /** Absent where that was before the beginning of what the log keeps. */
  readonly by?: Fact<DomainEvent>;
}

/** Whether a field is the one that is meant, or lies within it. */
export const isWithin = (path: string, field: string): boolean =>
  path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`);

/** The fields of a thing as it is in a world, each with the event that set it. */
export const blame = (trace: Trace, real: World, subject: Subject): readonly Blamed[] =>
  [...fieldsOf(stateOf(real, subject))].map(([path, value]) => {
    const by = setterOf(trace, subject, path);
    return by === undefined ? { path, value } : { path, value, by };
  });
