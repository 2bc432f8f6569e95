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

const Meta = z.object({ description: z.string(), unit: z.string().optional() });

const objectIn = (schema: z.core.$ZodType): z.ZodObject | undefined => {
  if (schema instanceof z.ZodObject) return schema;
  return schema instanceof z.ZodPrefault ? objectIn(schema.unwrap()) : undefined;
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
    .filter(([, schema]) => objectIn(schema) === undefined)
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

/** Paths of keys in a parsed file that the schema does not know. */
export const unknownKeys = (value: object): string[] => {
  const known = tables();
  const keys = new Set(known.flatMap((table) => table.keys.map((key) => key.path)));
  const names = new Set(known.map((table) => table.name));
  return Object.entries(value).flatMap(([name, inner]) => {
    if (keys.has(name)) return [];
    if (!names.has(name) || typeof inner !== 'object' || inner === null) return names.has(name) ? [] : [name];
    return Object.keys(inner)
      .map((key) => `${name}.${key}`)
      .filter((path) => !keys.has(path));
  });
};
