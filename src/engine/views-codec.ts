import { PersistentMap } from '../domain/persistent-map.ts';
import { eventTables } from '../domain/world.ts';
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

/** To be raised whenever what the views hold, or what an event does to them, changes. */
const SCHEMA = 1;

/**
 * What saved views must have been made by to be of use: the shape of the views, and every kind of event with its
 * version, since a new one may mean that old events are folded otherwise.
 */
export const viewsSchema = [
  `views ${SCHEMA}`,
  ...Object.values(eventTables)
    .flatMap((table) => Object.entries(table).map(([type, { version }]) => `${type} ${version}`))
    .sort(),
].join(', ');

type Path = readonly string[];
/** One line: a value at a path, the beginning of a map there, or an entry of the map begun last. */
type Line = { readonly at: Path; readonly is?: unknown } | [key: string, value: unknown];

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

const untag = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(untag);
  if (!isRecord(value)) return value;
  if (typeof value.$int === 'string') return BigInt(value.$int);
  if (Array.isArray(value.$map)) return PersistentMap.from(untag(value.$map) as [string, unknown][]);
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key.startsWith('$') ? key.slice(1) : key, untag(one)]),
  );
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

/** What is written of views; `incoming` follows from the rest. */
const savedOf = ({ world, references: { incoming: _, ...references } }: Views) => ({ world, references });
type Saved = ReturnType<typeof savedOf>;

/** The lines of views, each without its line break; costs what is taken. */
export const encodeViews = (views: Views): Generator<string, void> => linesAt([], savedOf(views));

const leaves = (value: unknown, at: Path = []): readonly string[] =>
  isRecord(value) ? Object.entries(value).flatMap(([key, one]) => leaves(one, [...at, key])) : [at.join('/')];
const expected = new Set(leaves(savedOf(emptyViews)));

/** Puts views together again from the lines of {@link encodeViews}, given one after another. */
export class ViewsDecoder {
  readonly #root: Record<string, unknown> = {};
  readonly #missing = new Set(expected);
  #section: { readonly at: Path; map: PersistentMap<unknown> } | undefined;

  /** @throws Error for a line that is none of those that views have */
  take(text: string): void {
    const parsed: unknown = JSON.parse(text);
    const line = (text.includes('"$') ? untag(parsed) : parsed) as Line;
    if (Array.isArray(line)) {
      if (this.#section === undefined) throw new TypeError('an entry comes before the map that it is of');
      this.#section.map = this.#section.map.set(line[0], line[1]);
      return;
    }
    this.#close();
    if (!this.#missing.delete(line.at.join('/')))
      throw new TypeError(`${line.at.join('/')} is unknown or twice`);
    if ('is' in line) this.#put(line.at, line.is);
    else this.#section = { at: line.at, map: PersistentMap.empty() };
  }

  /** The views, once all lines were given. @throws Error where some are missing */
  views(): Views {
    this.#close();
    const [missing] = this.#missing;
    if (missing !== undefined) throw new TypeError(`${missing} is missing`);
    const { world, references } = this.#root as unknown as Saved;
    return { world, references: graphOf(references) };
  }

  #close(): void {
    if (this.#section !== undefined) this.#put(this.#section.at, this.#section.map);
    this.#section = undefined;
  }

  #put(at: Path, value: unknown): void {
    let into = this.#root;
    for (const key of at.slice(0, -1)) {
      into[key] ??= {};
      into = into[key] as Record<string, unknown>;
    }
    into[at.at(-1) ?? ''] = value;
  }
}
