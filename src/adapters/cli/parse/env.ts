import { readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { CliIo } from '../cli-io.ts';
import { UsageError } from '../exit-codes.ts';

/** Reads a file that a flag names. @throws UsageError that names flag and file */
export const readFlagFile = (flag: string, path: string, io: CliIo): string => {
  try {
    return readFileSync(isAbsolute(path) ? path : resolve(io.cwd, path), 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${flag}: cannot read '${path}': ${why}`, { cause: error });
  }
};

/** Lines of an env or label file: empty ones and comments are left out. */
const linesOf = (flag: string, path: string, io: CliIo): string[] =>
  readFlagFile(flag, path, io)
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));

/** `NAME=value` as it is; a bare `NAME` takes its value from the caller's environment and is left out if unset there. */
const resolveVariable = (flag: string, text: string, io: CliIo): string | undefined => {
  const name = text.split('=', 1)[0] ?? '';
  if (name === '' || /[\s\0]/.test(name))
    throw new UsageError(`${flag} '${text}': '${name}' is not a variable name`);
  if (text.includes('=')) return text;
  const value = io.env[name];
  return value === undefined ? undefined : `${name}=${value}`;
};

const present = (values: (string | undefined)[]): string[] => values.filter((value) => value !== undefined);

/** Files first, then flags, so that flags win. */
export const readEnv = (
  flags: readonly string[] | undefined,
  files: readonly string[] | undefined,
  io: CliIo,
): string[] =>
  present([
    ...(files ?? []).flatMap((file) =>
      linesOf('--env-file', file, io).map((line) => resolveVariable('--env-file', line, io)),
    ),
    ...(flags ?? []).map((flag) => resolveVariable('--env', flag, io)),
  ]);

/** Like variables, but one that is missing from the environment is a mistake: the container would start without its secret. */
export const readSecretEnv = (flags: readonly string[] | undefined, io: CliIo): string[] =>
  (flags ?? []).map((flag) => {
    const variable = resolveVariable('--secret-env', flag, io);
    if (variable === undefined)
      throw new UsageError(`--secret-env ${flag}: it is not set in your environment`);
    return variable;
  });

const pair = (flag: string, text: string): [string, string] => {
  const equals = text.indexOf('=');
  const name = equals < 0 ? text : text.slice(0, equals);
  if (name === '') throw new UsageError(`${flag} '${text}' has no name; give NAME=VALUE`);
  return [name, equals < 0 ? '' : text.slice(equals + 1)];
};

export const readLabels = (
  flags: readonly string[] | undefined,
  files: readonly string[] | undefined,
  io: CliIo,
): Record<string, string> =>
  Object.fromEntries([
    ...(files ?? []).flatMap((file) =>
      linesOf('--label-file', file, io).map((line) => pair('--label-file', line)),
    ),
    ...(flags ?? []).map((flag) => pair('--label', flag)),
  ]);

/** `NAME=VALUE`, both needed. */
export const readPairs = (flag: string, values: readonly string[] | undefined): Record<string, string> =>
  Object.fromEntries(
    (values ?? []).map((text) => {
      if (!text.includes('=')) throw new UsageError(`${flag} '${text}' has no value; give NAME=VALUE`);
      return pair(flag, text);
    }),
  );
