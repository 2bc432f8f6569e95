import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import type { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import { tables, unknownKeys } from './keys.ts';
import { type Config, ConfigSchema } from './schema.ts';

export const defaultConfigPath = '/etc/shiplog/config.toml';

/** Keys given on the command line, by path as `grpc.address`; they win over the file. */
export type Overrides = Readonly<Record<string, string | number | undefined>>;

export interface LoadedConfig {
  readonly config: Config;
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

const complain = (error: z.ZodError, given: unknown, origin: string, overrides: Overrides): Rejection => {
  const lines = error.issues.map(({ path, message }) => {
    const key = path.join('.');
    const where = overrides[key] === undefined ? origin : 'command line';
    return `${where}: ${key}: ${message}; it is ${JSON.stringify(at(given, path))}`;
  });
  return new Rejection('invalid-argument', lines.join('\n'), { cause: error });
};

/**
 * Reads the text of a configuration file.
 * @param origin names the text in messages
 * @throws Rejection `invalid-argument` that names the key (`grpc.address`), what it wants and what it got, a line for
 *   each wrong key; or the line and column of a syntax error
 */
export const parseConfig = (text: string, origin: string, overrides: Overrides = {}): LoadedConfig => {
  const values = parseToml(text, origin);
  const given = merge(values, overrides);
  const parsed = ConfigSchema.safeParse(given);
  if (!parsed.success) throw complain(parsed.error, given, origin, overrides);
  const warnings = unknownKeys(values).map(
    (key) =>
      `${origin}: ${key} is not a key of the configuration and is ignored; see 'shiplogd config default'`,
  );
  return { config: parsed.data, warnings };
};

/**
 * Reads a configuration file. The default one may be absent; one that was asked for may not.
 * @throws Rejection `not-found`, `permission-denied`, and as {@link parseConfig}
 */
export const loadConfig = (path: string | undefined, overrides: Overrides = {}): LoadedConfig => {
  const file = path ?? defaultConfigPath;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ENOENT' && path === undefined) return parseConfig('', file, overrides);
    throw new Rejection(
      code === 'ENOENT' ? 'not-found' : code === 'EACCES' ? 'permission-denied' : 'invalid-argument',
      `cannot read the configuration ${file} (${code}); give another with --config`,
      { cause: error },
    );
  }
  return { ...parseConfig(text, file, overrides), path: file };
};
