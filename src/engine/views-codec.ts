import { PersistentMap } from '../domain/persistent-map.ts';
import { type Task, trimmed } from '../domain/tasks.ts';
import { graphOf } from '../projections/reference-graph.ts';
import { emptyViews, type Views } from './views.ts';

/**
 * Views as lines of text, each a JSON value, so that a large state is written and read in small pieces:
 *
 *     {"at":["world","host","hostId"],"is":"01j9…"}      a plain value
 *     {"at":["world","image"]}                           a map, whose entries follow,
 *     ["default/docker.io/library/busybox:latest",{…}]   one to a line
 *
 * Within a value a bigint is `{"$int":"7"}`, a map `{"$map":[[key,value],…]}`, and a key that begins with `$` has another
 * `$` before it. What follows from the rest is left out: who is kept by whom, since the keepers tell.
 */

/**
 * Number of the shape. To be raised, with a step in {@link upcasts}, whenever what the views hold, or what an event does to
 * them, changes. Another kind of event alone changes nothing: of what it fills, older views have nothing.
 */
export const viewsShape = 3;
/** What saved views are of, beside which later versions say what they are of. */
export const viewsSchema = `views ${viewsShape}`;

/** The number of the shape that saved views have; undefined where this version does not know it. */
export const shapeOf = (schema: string): number | undefined => {
  // What was saved before the first release named the kinds of events behind a comma.
  const shape = Number(/^views (\d+)(?:,|$)/.exec(schema)?.[1]);
  return shape >= 1 && shape <= viewsShape ? shape : undefined;
};

/** Values and maps of views, by their path, its names joined with `/`. */
type Parts = Map<string, unknown>;

/**
 * Steps from one shape to the next, the first from 1 to 2. Kept for ever: the views at the horizon of a pruned log can't be
 * folded again. Each shape has a checkpoint in test/golden.
 */
export const upcasts: readonly ((parts: Parts) => void)[] = [
  // 2: of the extra processes of a task that have ended, the last ones.
  (parts) => {
    const tasks = parts.get('world/task');
    if (!(tasks instanceof PersistentMap)) return;
    parts.set(
      'world/task',
      PersistentMap.from([...tasks].map(([key, task]) => [key, trimmed(task as Task)])),
    );
  },
  // 3: a committed snapshot was made when it was committed. Older views know only when it was prepared; where they can't be
  // folded again they go on saying that.
  () => undefined,
];

type Path = readonly string[];
/** A line that is not an entry of a map: a value at a path, or the beginning of a map there. */
interface Line {
  readonly at: Path;
  readonly is?: unknown;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof PersistentMap);

const tag = (value: unknown): unknown => {
  if (typeof value === 'bigint') return { $int: String(value) };
  if (value instanceof PersistentMap) return { $map: [...value].map(([key, one]) => [key, tag(one)]) };
  if (Array.isArray(value)) return value.map(tag);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key.startsWith('$') ? `$${key}` : key, tag(one)]),
  );
};

/** What {@link tag} was given; what it gave is changed in its place, since nobody else has it. */
const untag = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = untag(value[i]);
    return value;
  }
  const record = value as Record<string, unknown>;
  if (typeof record.$int === 'string') return BigInt(record.$int);
  if (Array.isArray(record.$map)) return PersistentMap.from(untag(record.$map) as [string, unknown][]);
  const keys = Object.keys(record);
  if (keys.some((key) => key.startsWith('$')))
    return Object.fromEntries(
      keys.map((key) => [key.startsWith('$') ? key.slice(1) : key, untag(record[key])]),
    );
  for (const key of keys) record[key] = untag(record[key]);
  return record;
};

const readValue = (text: string): unknown => {
  const parsed: unknown = JSON.parse(text);
  return text.includes('"$') ? untag(parsed) : parsed;
};

/** An entry of a map: its key, and its value as it is written. @throws SyntaxError where it is none */
const entryOf = (line: string): [key: string, value: string] => {
  const ending = line.indexOf('",', 2);
  // A key with a quote or a backslash in it is read with its value, to know where it ends.
  if (line.lastIndexOf('\\', ending) < 0 && ending > 0 && line.endsWith(']'))
    return [JSON.parse(line.slice(1, ending + 1)) as string, line.slice(ending + 2, -1)];
  const [key, value] = JSON.parse(line) as [string, unknown];
  return [key, JSON.stringify(value)];
};

function* linesAt(at: Path, value: unknown): Generator<string, void> {
  if (value instanceof PersistentMap) {
    yield JSON.stringify({ at });
    for (const [key, one] of value) yield JSON.stringify([key, tag(one)]);
  } else if (isRecord(value)) {
    for (const [key, one] of Object.entries(value)) yield* linesAt([...at, key], one);
  } else if (value !== undefined) {
    yield JSON.stringify({ at, is: tag(value) });
  }
}

/** What is written of views; who is kept by whom follows from the rest. */
const savedOf = ({ world, references: { nodes, free, suspects } }: Views) => ({
  world,
  references: { nodes, free, suspects },
});
type Saved = ReturnType<typeof savedOf>;

/** The lines of views, each without its line break; costs what is taken. */
export const encodeViews = (views: Views): Generator<string, void> => linesAt([], savedOf(views));

function* leavesOf(value: unknown, at: Path = []): Generator<[path: string, value: unknown], void> {
  if (!isRecord(value)) yield [at.join('/'), value];
  else for (const [key, one] of Object.entries(value)) yield* leavesOf(one, [...at, key]);
}
const expected: ReadonlyMap<string, unknown> = new Map(leavesOf(savedOf(emptyViews)));

/** How many values and entries of maps are saved of views: what saving takes grows with it. */
export const entriesOf = (views: Views): number => {
  let entries = 0;
  for (const [, value] of leavesOf(savedOf(views)))
    entries += value instanceof PersistentMap ? value.size : 1;
  return entries;
};

/** Puts views together again from the lines of {@link encodeViews}, given one after another. */
export class ViewsDecoder {
  readonly #shape: number;
  readonly #parts: Parts = new Map();
  #section: { readonly at: string; readonly entries: [key: string, value: string][] } | undefined;

  /** @param shape that the lines are of, as {@link shapeOf} tells */
  constructor(shape: number = viewsShape) {
    this.#shape = shape;
  }

  /**
   * Values of maps stay text until somebody looks at them: most of a large state is not looked at for long.
   * @throws Error for a line that is none of those that views have
   */
  take(text: string): void {
    if (text.startsWith('[')) {
      if (this.#section === undefined) throw new TypeError('an entry comes before the map that it is of');
      this.#section.entries.push(entryOf(text));
      return;
    }
    const line = readValue(text) as Line;
    this.#close();
    const at = line.at.join('/');
    if (this.#parts.has(at)) throw new TypeError(`${at} comes twice`);
    this.#parts.set(at, 'is' in line ? line.is : undefined);
    if (!('is' in line)) this.#section = { at, entries: [] };
  }

  /**
   * The views, once all lines were given. Maps that are missing are empty: their events were not known yet.
   * @throws Error where other parts are missing, or some are unknown
   */
  views(): Views {
    this.#close();
    for (const upcast of upcasts.slice(this.#shape - 1)) upcast(this.#parts);
    for (const at of this.#parts.keys()) if (!expected.has(at)) throw new TypeError(`${at} is unknown`);
    const root: Record<string, unknown> = {};
    for (const [at, empty] of expected) {
      if (!this.#parts.has(at) && !(empty instanceof PersistentMap)) throw new TypeError(`${at} is missing`);
      put(root, at.split('/'), this.#parts.get(at) ?? empty);
    }
    const { world, references } = root as unknown as Saved;
    return { world, references: graphOf(references) };
  }

  #close(): void {
    if (this.#section !== undefined) {
      this.#parts.set(this.#section.at, PersistentMap.late(this.#section.entries, readValue));
    }
    this.#section = undefined;
  }
}

const put = (root: Record<string, unknown>, at: Path, value: unknown): void => {
  let into = root;
  for (const key of at.slice(0, -1)) {
    into[key] ??= {};
    into = into[key] as Record<string, unknown>;
  }
  into[at.at(-1) ?? ''] = value;
};
