import { Rejection } from '../../../domain/rejection.ts';
import { importedFiles, importLimit } from './imports.ts';
import { isTable, type Tables } from './key-path.ts';
import type { Version } from './keys.ts';
import { type Translation, translate } from './translate.ts';
import { texts } from './values.ts';

/** What files of containerd's leave unsaid, as containerd has it. */
export const containerdDefaults: Tables = {
  root: '/var/lib/containerd',
  state: '/run/containerd',
  grpc: { address: '/run/containerd/containerd.sock' },
  registry: { config_path: '/etc/containerd/certs.d' },
  runtimes: { default: 'io.containerd.runc.v2' },
};

/** Lists that grow from file to file; everything else is replaced. */
const joined = ['disabled', 'required'];

const merged = (below: Tables, above: Tables): Tables => {
  const both: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) {
    const under = both[name];
    if (isTable(value) && isTable(under)) both[name] = merged(under, value);
    else if (joined.includes(name) && Array.isArray(value) && Array.isArray(under)) {
      both[name] = [...new Set([...under, ...value])];
    } else both[name] = value;
  }
  return both;
};

/** @throws Rejection `invalid-argument` for a version that is not read */
const versionOf = (file: Tables, origin: string): Version => {
  const { version } = file;
  // None is version 1; what it has above its plugins is the same.
  if (version === undefined || version === 1 || version === 2) return 2;
  if (version === 3) return 3;
  throw new Rejection(
    'invalid-argument',
    `${origin}: version: must be 2 or 3; it is ${JSON.stringify(version)}`,
  );
};

const importsOf = (file: Tables, origin: string): readonly string[] => {
  const { imports } = file;
  if (imports === undefined) return [];
  const read = texts.safeParse(imports);
  if (read.success) return read.data;
  throw new Rejection(
    'invalid-argument',
    `${origin}: imports: must be a list of texts; it is ${JSON.stringify(imports)}`,
  );
};

/**
 * Reads a file of containerd's with all that it imports: what an imported file says counts more than what the importing one
 * says, and a later one more than an earlier. Each is read once.
 * @param load reads and parses a file
 * @throws Rejection `invalid-argument`, and what `load` throws
 */
export const readContainerd = (file: Tables, origin: string, load: (path: string) => Tables): Translation => {
  const seen = new Set([origin]);
  let values = containerdDefaults;
  const origins = new Map<string, string>();
  const warnings: string[] = [];
  const read = (tables: Tables, path: string): void => {
    const translation = translate(tables, versionOf(tables, path), path);
    values = merged(values, translation.values);
    for (const [key, from] of translation.origins) origins.set(key, from);
    warnings.push(...translation.warnings);
    for (const line of importsOf(tables, path)) {
      for (const imported of importedFiles(line, path)) {
        if (seen.has(imported)) continue;
        seen.add(imported);
        if (seen.size > importLimit) {
          throw new Rejection('invalid-argument', `${path}: imports: more than ${importLimit} files`);
        }
        read(load(imported), imported);
      }
    }
  };
  read(file, origin);
  return { values, origins, warnings };
};
