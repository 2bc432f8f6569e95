import { stringify } from 'smol-toml';
import { type Config, ConfigSchema } from '../schema.ts';
import { get, type KeyPath, put } from './key-path.ts';
import { keysOf } from './keys.ts';
import { containerdDefaults } from './read.ts';
import { duration } from './values.ts';

/** Milliseconds as Go reads them. */
const goDuration = (ms: number): string => (ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`);

/** A value of ours in containerd's words. */
const shown = (key: KeyPath, value: unknown): unknown => {
  const name = key.join('.');
  if (name === 'log.format') return value === 'auto' ? '' : value;
  return value;
};

/**
 * A configuration in containerd's format of version 2, which containerd 1.5 and later read: the keys that have a
 * counterpart there.
 */
export const containerdConfigText = (config: Config): string => {
  const file: Record<string, unknown> = { version: 2 };
  for (const { path, ours, kind } of keysOf(2, 'runc')) {
    if (ours === undefined) continue;
    const value = get(config, ours);
    // Of two keys with one meaning, the one that the value is of.
    const isPath = typeof value === 'string' && value.startsWith('/');
    if (path.at(-1) === 'runtime_type' && isPath) continue;
    if (path.at(-1) === 'runtime_path' && !isPath) continue;
    put(file, path, kind === duration ? goDuration(Number(value)) : shown(ours, value));
  }
  return `${stringify(file)}\n`;
};

export const containerdDefaultText = (): string =>
  containerdConfigText(ConfigSchema.parse(containerdDefaults));
