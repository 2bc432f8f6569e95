import { stringify } from 'smol-toml';
import { namedTables, tables } from './keys.ts';

type Values = Readonly<Record<string, unknown>>;

const tableIn = (values: Values, name: string): Values | undefined => {
  const table = values[name];
  return typeof table === 'object' && table !== null ? (table as Values) : undefined;
};

/**
 * A configuration in our format, without comments.
 * @param given what a file and the command line set, as `loadConfig` gives it
 * @param all also what was left at its default
 */
export const configText = (given: Values, all: boolean): string => {
  const file: Record<string, unknown> = {};
  for (const { name, keys } of tables()) {
    const from = name === '' ? given : tableIn(given, name);
    const entries = keys.flatMap((key) => {
      const own = key.path.slice(name === '' ? 0 : name.length + 1);
      const value = from?.[own] ?? (all ? key.default : undefined);
      return value === undefined ? [] : [[own, value] as const];
    });
    if (entries.length === 0) continue;
    if (name === '') Object.assign(file, Object.fromEntries(entries));
    else file[name] = Object.fromEntries(entries);
  }
  for (const { name } of namedTables()) {
    const named = tableIn(given, name);
    if (named !== undefined) file[name] = named;
  }
  return `${stringify(file)}\n`;
};
