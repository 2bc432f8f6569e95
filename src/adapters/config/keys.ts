import { z } from 'zod';
import { ConfigSchema } from './schema.ts';

/** One thing that can be set, as the schema has it. */
export interface Key {
  /** As `grpc.address`. */
  readonly path: string;
  /** As it would stand in the file. */
  readonly default: unknown;
  readonly description: string;
  readonly unit?: string;
}

export interface Table {
  /** Empty for the keys above all tables. */
  readonly name: string;
  readonly description: string;
  readonly keys: readonly Key[];
}

/** Tables of one kind, with names of the user's choice: `[NAME.ANY]`. */
export interface NamedTables {
  readonly name: string;
  readonly description: string;
  /** As it could stand in the file. */
  readonly example: string;
  /** What each of them may hold. */
  readonly keys: readonly string[];
}

const Meta = z.object({ description: z.string(), unit: z.string().optional() });
const NamedMeta = z.object({ description: z.string(), example: z.string() });

const objectIn = (schema: z.core.$ZodType): z.ZodObject | undefined => {
  if (schema instanceof z.ZodObject) return schema;
  return schema instanceof z.ZodPrefault ? objectIn(schema.unwrap()) : undefined;
};

/** What a table of such a kind holds, where the schema is of tables with names of their own. */
const namedIn = (schema: z.core.$ZodType): z.ZodObject | undefined => {
  if (schema instanceof z.ZodPrefault) return namedIn(schema.unwrap());
  return schema instanceof z.ZodRecord ? objectIn(schema.valueType) : undefined;
};

const keyOf = (path: string, schema: z.core.$ZodType): Key => {
  if (!(schema instanceof z.ZodPrefault))
    throw new TypeError(`the key ${path} of the configuration has no default`);
  const { description, unit } = Meta.parse(schema.meta());
  return { path, default: schema.def.defaultValue, description, ...(unit === undefined ? {} : { unit }) };
};

const tableOf = (name: string, description: string, object: z.ZodObject): Table => ({
  name,
  description,
  keys: Object.entries(object.shape)
    .filter(([, schema]) => objectIn(schema) === undefined && namedIn(schema) === undefined)
    .map(([key, schema]) => keyOf(name === '' ? key : `${name}.${key}`, schema)),
});

/** All of the configuration, in the order of the schema. */
export const tables = (): readonly Table[] => [
  tableOf('', '', ConfigSchema),
  ...Object.entries(ConfigSchema.shape).flatMap(([name, schema]) => {
    const object = objectIn(schema);
    return object ? [tableOf(name, Meta.parse(schema.meta()).description, object)] : [];
  }),
];

/** What the file may hold besides, none of it by default. */
export const namedTables = (): readonly NamedTables[] =>
  Object.entries(ConfigSchema.shape).flatMap(([name, schema]) => {
    const object = namedIn(schema);
    return object ? [{ name, ...NamedMeta.parse(schema.meta()), keys: Object.keys(object.shape) }] : [];
  });

const isTable = (value: unknown): value is object => typeof value === 'object' && value !== null;

const unknownIn = ({ name, keys }: NamedTables, value: unknown): string[] =>
  isTable(value)
    ? Object.entries(value).flatMap(([own, inner]) =>
        isTable(inner)
          ? Object.keys(inner)
              .filter((key) => !keys.includes(key))
              .map((key) => `${name}.${own}.${key}`)
          : [],
      )
    : [];

/** Paths of keys in a parsed file that the schema does not know. */
export const unknownKeys = (value: object): string[] => {
  const known = tables();
  const keys = new Set(known.flatMap((table) => table.keys.map((key) => key.path)));
  const names = new Set(known.map((table) => table.name));
  const named = namedTables();
  return Object.entries(value).flatMap(([name, inner]) => {
    if (keys.has(name)) return [];
    const kind = named.find((one) => one.name === name);
    if (kind) return unknownIn(kind, inner);
    if (!names.has(name) || typeof inner !== 'object' || inner === null) return names.has(name) ? [] : [name];
    return Object.keys(inner)
      .map((key) => `${name}.${key}`)
      .filter((path) => !keys.has(path));
  });
};
