import { hostSubject, type Subject, type SubjectKind } from '../domain/envelope.ts';
import { PersistentMap } from '../domain/persistent-map.ts';
import type { World } from '../domain/world.ts';

type Kept = PersistentMap<object>;

/** Where the states of each kind of subject lie in the world, by `namespace/id`. */
const homes = {
  namespace: ({ namespace }) => ({ own: namespace }),
  blob: ({ content }) => ({ own: content.blobs }),
  ingest: ({ content }) => ({ own: content.ingests }),
  image: ({ image }) => ({ own: image }),
  snapshot: ({ snapshot }) => ({ own: snapshot }),
  lease: ({ lease }) => ({ own: lease }),
  container: ({ container, task }) => ({ own: container.byId, task }),
  transfer: ({ transfer }) => ({ own: transfer }),
  sandbox: ({ sandbox }) => ({ own: sandbox.records, task: sandbox.runs }),
  activation: ({ activation }) => ({ own: activation }),
} as const satisfies Record<
  Exclude<SubjectKind, 'host'>,
  (world: World) => { readonly own: Kept; readonly task?: Kept }
>;
type Kind = keyof typeof homes;

const homeOf = (world: World, kind: Kind): { readonly own: Kept; readonly task?: Kept } => homes[kind](world);

/** The kind of a subject. */
export const kindOf = (subject: Subject): SubjectKind => subject.split('/', 1)[0] as SubjectKind;

// A namespace stands in the world under its name alone.
const keyIn = (kind: Kind, subject: Subject): string => {
  const rest = subject.slice(kind.length + 1);
  return kind === 'namespace' ? rest.slice(0, rest.indexOf('/')) : rest;
};
const subjectAt = (kind: Kind, key: string): Subject =>
  (kind === 'namespace' ? `${kind}/${key}/${key}` : `${kind}/${key}`) as Subject;

/** What is known of a thing: its record, and for a container its task within. Undefined where it is not here. */
export const stateOf = (world: World, subject: Subject): object | undefined => {
  if (subject === hostSubject) return world.host;
  const kind = kindOf(subject);
  if (kind === 'host') return undefined;
  const { own, task } = homeOf(world, kind);
  const key = keyIn(kind, subject);
  const state = own.get(key);
  const running = task?.get(key);
  return state === undefined || running === undefined ? state : { ...state, task: running };
};

/** The things whose state is not the same in two worlds. Costs what changed between them, not what they hold. */
export const thingsBetween = (before: World, after: World): ReadonlySet<Subject> => {
  const changed = new Set<Subject>();
  if (before.host !== after.host) changed.add(hostSubject);
  for (const kind of Object.keys(homes) as Kind[]) {
    const one = homeOf(before, kind);
    const other = homeOf(after, kind);
    for (const { key } of PersistentMap.difference(one.own, other.own)) changed.add(subjectAt(kind, key));
    if (one.task === undefined || other.task === undefined) continue;
    for (const { key } of PersistentMap.difference(one.task, other.task)) changed.add(subjectAt(kind, key));
  }
  return changed;
};

/** A state as JSON has it: maps are objects with sorted keys, 64-bit numbers are texts. */
export const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  const entries = value instanceof PersistentMap ? [...value].sort(byKey) : Object.entries(value);
  return Object.fromEntries(
    entries.filter(([, item]) => item !== undefined).map(([key, item]) => [key, plain(item)]),
  );
};
const byKey = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : 1;

const step = (path: string, key: string): string => {
  if (!/^[A-Za-z_]\w*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
};

/**
 * The fields of a state by their paths (`task.state.status`, `labels["io.tier"]`), with values as in {@link plain}. A
 * list is one field, and so is an empty object. None for a thing that is not here.
 */
export const fieldsOf = (state: object | undefined): ReadonlyMap<string, unknown> => {
  const fields = new Map<string, unknown>();
  const visit = (value: unknown, path: string): void => {
    const entries =
      typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
    if (entries.length === 0) fields.set(path, value);
    else for (const [key, item] of entries) visit(item, step(path, key));
  };
  if (state !== undefined)
    for (const [key, item] of Object.entries(plain(state) as object)) visit(item, step('', key));
  return fields;
};

/** A field that is not the same in two states; `before` or `after` is absent where it was not there. */
export interface FieldChange {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

const same = (one: unknown, other: unknown): boolean =>
  Object.is(one, other) ||
  (typeof one === 'object' && typeof other === 'object' && JSON.stringify(one) === JSON.stringify(other));

/** The fields that are not the same in two states of a thing, in the order of the states' fields. */
export const fieldsBetween = (
  before: object | undefined,
  after: object | undefined,
): readonly FieldChange[] => {
  if (before === after) return [];
  const old = fieldsOf(before);
  const fresh = fieldsOf(after);
  const changes: FieldChange[] = [];
  for (const [path, value] of old) {
    if (!fresh.has(path)) changes.push({ path, before: value });
    else if (!same(value, fresh.get(path))) changes.push({ path, before: value, after: fresh.get(path) });
  }
  for (const [path, value] of fresh) if (!old.has(path)) changes.push({ path, after: value });
  return changes;
};
