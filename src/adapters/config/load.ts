import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import { readContainerd } from './containerd/read.ts';
import { tables, unknownKeys } from './keys.ts';
import { type Config, ConfigSchema } from './schema.ts';

export const defaultConfigPath = '/etc/shiplog/config.toml';

/** Whose words a file without a `version` is in; one with a version is containerd's. */
export type Dialect = 'shiplog' | 'containerd';

export const defaultPaths: Readonly<Record<Dialect, string>> = {
  shiplog: defaultConfigPath,
  containerd: '/etc/containerd/config.toml',
};

/** Keys given on the command line, by path as `grpc.address`; they win over the file. */
export type Overrides = Readonly<Record<string, string | number | undefined>>;

export interface LoadedConfig {
  readonly config: Config;
  /** What the file and the command line set, in the words of our format. */
  readonly given: Readonly<Record<string, unknown>>;
  /** For the log, once there is one: keys that nothing reads. */
  readonly warnings: readonly string[];
  /** The file that was read; absent when there was none. */
  readonly path?: string;
}

const parseToml = (text: string, origin: string): Record<string, unknown> => {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [reason = ''] = error.message.replace(/^Invalid TOML document: /, '').split('\n');
    throw new Rejection(
      'invalid-argument',
      `${origin}:${error.line}:${error.column}: not valid TOML: ${reason}`,
      {
        cause: error,
      },
    );
  }
};

/** The file's values with the overrides in their places; neither is changed. */
const merge = (values: Record<string, unknown>, overrides: Overrides): Record<string, unknown> => {
  const known = new Set(tables().flatMap((table) => table.keys.map((key) => key.path)));
  const merged = { ...values };
  for (const [path, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    if (!known.has(path)) throw new TypeError(`there is no key ${path} to override`);
    const [name = '', key] = path.split('.');
    const table = merged[name];
    merged[name] = key === undefined ? value : { ...(typeof table === 'object' ? table : {}), [key]: value };
  }
  return merged;
};

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], value);

const complain = (
  error: z.ZodError,
  given: unknown,
  overrides: Overrides,
  placeOf: (key: string) => string,
): Rejection => {
  const lines = error.issues.map(({ path, message }) => {
    const key = path.join('.');
    const place = overrides[key] === undefined ? placeOf(key) : `command line: ${key}`;
    return `${place}: ${message}; it is ${JSON.stringify(at(given, path))}`;
  });
  return new Rejection('invalid-argument', lines.join('\n'), { cause: error });
};

/** A file's keys in our words, and what there is to say of them. */
interface Understood {
  readonly values: Record<string, unknown>;
  readonly warnings: readonly string[];
  /** What a key of ours is called where it was set. */
  readonly placeOf: (key: string) => string;
}

const understand = (values: Record<string, unknown>, origin: string, dialect: Dialect): Understood => {
  if (values.version === undefined && dialect === 'shiplog') {
    const warnings = unknownKeys(values).map(
      (key) =>
        `${origin}: ${key} is not a key of the configuration and is ignored; see 'shiplogd config default'`,
    );
    return { values, warnings, placeOf: (key) => `${origin}: ${key}` };
  }
  const load = (path: string) => parseToml(readText(path), path);
  const { values: ours, warnings, origins } = readContainerd(values, origin, load);
  return { values: { ...ours }, warnings, placeOf: (key) => origins.get(key) ?? `${origin}: ${key}` };
};

/**
 * Reads the text of a configuration file: ours, or containerd's of version 2 or 3.
 * @param origin names the text in messages; files that it imports are sought beside it
 * @throws Rejection `invalid-argument` that names the key (`grpc.address`), what it wants and what it got, a line for
 *   each wrong key; or the line and column of a syntax error
 */
export const parseConfig = (
  text: string,
  origin: string,
  overrides: Overrides = {},
  dialect: Dialect = 'shiplog',
): LoadedConfig => {
  const { values, warnings, placeOf } = understand(parseToml(text, origin), origin, dialect);
  const given = merge(values, overrides);
  // Read once: compiling a reader of it (zod's jit) takes longer than all of the rest.
  const parsed = ConfigSchema.safeParse(given, { jitless: true });
  if (!parsed.success) throw complain(parsed.error, given, overrides, placeOf);
  return { config: parsed.data, given, warnings };
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

const readText = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = codeOf(error);
    throw new Rejection(
      code === 'ENOENT' ? 'not-found' : code === 'EACCES' ? 'permission-denied' : 'invalid-argument',
      `cannot read the configuration ${file} (${code}); give another with --config`,
      { cause: error },
    );
  }
};

/**
 * Reads a configuration file. The default one may be absent; one that was asked for may not.
 * @throws Rejection `not-found`, `permission-denied`, and as {@link parseConfig}
 */
export const loadConfig = (
  path: string | undefined,
  overrides: Overrides = {},
  dialect: Dialect = 'shiplog',
): LoadedConfig => {
  const file = path ?? defaultPaths[dialect];
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    const absent = error instanceof Rejection && error.code === 'not-found' && path === undefined;
    if (!absent) throw error;
    return parseConfig('', file, overrides, dialect);
  }
  return { ...parseConfig(text, file, overrides, dialect), path: file };
};
