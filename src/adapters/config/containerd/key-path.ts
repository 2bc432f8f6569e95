/** Where a key stands in a file: names of tables, and last its own. Names of plugins hold dots. */
export type KeyPath = readonly string[];

export type Tables = Readonly<Record<string, unknown>>;

export const isTable = (value: unknown): value is Tables =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

/** As it is written in TOML: `plugins."io.containerd.gc.v1.scheduler".schedule_delay`. */
export const written = (path: KeyPath): string =>
  path.map((name) => (/^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name))).join('.');

export interface Leaf {
  readonly path: KeyPath;
  readonly value: unknown;
}

/** Every key that holds something else than a table. */
export const leavesOf = (tables: Tables, above: KeyPath = []): readonly Leaf[] =>
  Object.entries(tables).flatMap(([name, value]) => {
    const path = [...above, name];
    return isTable(value) ? leavesOf(value, path) : [{ path, value }];
  });

/** The tables with one more value in them; `tables` is changed. */
export const put = (tables: Record<string, unknown>, path: KeyPath, value: unknown): void => {
  const [name, ...rest] = path;
  if (name === undefined) return;
  if (rest.length === 0) {
    tables[name] = value;
    return;
  }
  const inner = tables[name];
  const table: Record<string, unknown> = isTable(inner) ? { ...inner } : {};
  tables[name] = table;
  put(table, rest, value);
};

export const get = (value: unknown, path: KeyPath): unknown =>
  path.reduce<unknown>((inner, name) => (isTable(inner) ? inner[name] : undefined), value);

/** One of the paths leads through the other. */
export const leadsThrough = (path: KeyPath, other: KeyPath): boolean =>
  other.length < path.length && other.every((name, index) => path[index] === name);
