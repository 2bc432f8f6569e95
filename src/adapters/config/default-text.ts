import { type Key, type NamedTables, namedTables, type Table, tables } from './keys.ts';

const BINARY_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

const readable = (bytes: number): string => {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), BINARY_UNITS.length - 1);
  return `${bytes / 1024 ** power} ${BINARY_UNITS[power]}`;
};

const unitOf = (key: Key): string => {
  if (key.unit === 'bytes' && typeof key.default === 'number')
    return ` Unit: bytes (${readable(key.default)}).`;
  return key.unit === 'duration' ? ' Unit: ms, s, m or h.' : '';
};

const toml = (value: unknown): string => {
  if (typeof value === 'number') return String(value).replace(/\B(?=(\d{3})+$)/g, '_');
  return JSON.stringify(value);
};

const keyText = (key: Key): string => {
  const name = key.path.slice(key.path.indexOf('.') + 1);
  return `# ${key.description}${unitOf(key)}\n${name} = ${toml(key.default)}\n`;
};

const tableText = ({ name, description, keys }: Table): string =>
  `${name === '' ? '' : `# ${description}\n[${name}]\n\n`}${keys.map(keyText).join('\n')}`;

/** Commented out: there is none by default. */
const namedText = ({ description, example }: NamedTables): string =>
  `# ${description} For example:\n#\n${example.replace(/^/gm, '# ')}\n`;

/** A whole configuration file: every key with its meaning, unit and default. Parsing it gives the defaults again. */
export const defaultConfigText = (): string =>
  `# Configuration of shiplogd. Every key is shown with its default; those left out keep it.\n\n${tables()
    .map(tableText)
    .join('\n')}\n${namedTables().map(namedText).join('\n')}`;
