import { isBuiltin } from 'node:module';
import type { Import } from './import-graph.ts';

/** Who may import whom. One row per part of the house; the first whose folder holds the file is its own. */
interface Part {
  readonly name: string;
  readonly holds: (path: string) => boolean;
  /** Folders (ending in `/`) and files of ours. */
  readonly mayImport: (path: string) => readonly string[];
  /** Packages: a list, or any that package.json names. */
  readonly packages: readonly string[] | 'any';
  /** Node's own modules: a list, or any. */
  readonly node: readonly string[] | 'any';
}

const inside = (folder: string) => (path: string) => path.startsWith(folder);

const adapterOf = (path: string): string => path.split('/').slice(0, 3).join('/');

/** What every adapter may use of the rest. `syscalls` and `ttrpc` are libraries of ours, and the adapters that others share. */
const adapterImports = [
  'package.json',
  'src/engine/ports/',
  'src/domain/',
  'src/gen/',
  'src/adapters/syscalls/',
  'src/adapters/snapshot-directories/',
  'src/adapters/ttrpc/',
  'src/tlog/',
  'src/slice/',
];

const roots = [
  'main',
  'daemon',
  'log-home',
  'host-record',
  'host-ports',
  'host-snapshots',
  'cli',
  'verify',
  'verify-log',
  'bundle',
  'fleet',
].map((name) => `src/${name}.ts`);

export const parts: readonly Part[] = [
  {
    name: 'domain',
    holds: inside('src/domain/'),
    mayImport: () => ['src/domain/'],
    packages: ['zod'],
    node: [],
  },
  {
    name: 'projections',
    holds: inside('src/projections/'),
    mayImport: () => ['src/domain/', 'src/projections/'],
    // re2js is a pure function of two texts: regular expressions that clients send, in bounded time.
    packages: ['re2js', 'zod'],
    node: [],
  },
  {
    name: 'workflows',
    holds: inside('src/workflows/'),
    mayImport: () => ['src/domain/', 'src/workflows/'],
    packages: ['zod'],
    node: [],
  },
  {
    name: 'engine',
    holds: inside('src/engine/'),
    mayImport: () => ['src/domain/', 'src/projections/', 'src/workflows/', 'src/engine/'],
    packages: ['rxjs', 'zod'],
    node: [],
  },
  {
    // Also what a program without the daemon verifies with.
    name: 'tlog',
    holds: inside('src/tlog/'),
    mayImport: () => ['src/tlog/'],
    packages: [],
    node: ['node:crypto'],
  },
  {
    // What a slice of the log is, for those who make, open and verify one.
    name: 'slice',
    holds: inside('src/slice/'),
    mayImport: () => ['src/slice/', 'src/tlog/', 'src/domain/'],
    packages: ['zod', 'tar-stream'],
    node: ['node:crypto', 'node:fs', 'node:stream/promises', 'node:zlib'],
  },
  {
    name: 'client',
    holds: inside('src/client/'),
    mayImport: () => ['src/domain/', 'src/gen/', 'src/client/'],
    packages: ['@grpc/grpc-js', '@bufbuild/protobuf', 'zod'],
    node: ['node:stream', 'node:events', 'node:buffer'],
  },
  {
    // Both ends of the API, and a client of other daemons: the definitions of calls, headers and codes are one thing.
    name: 'the command line, the server it talks to, or a client of other servers',
    holds: (path) =>
      ['cli', 'grpc', 'proxy-plugins'].some((name) => path.startsWith(`src/adapters/${name}/`)),
    mayImport: (path) => [...adapterImports, `${adapterOf(path)}/`, 'src/client/'],
    packages: 'any',
    node: 'any',
  },
  {
    name: 'an adapter',
    holds: inside('src/adapters/'),
    mayImport: (path) => [...adapterImports, `${adapterOf(path)}/`],
    packages: 'any',
    node: 'any',
  },
  {
    name: 'the composition root',
    holds: (path) => roots.includes(path),
    mayImport: () => ['src/', 'package.json'],
    packages: 'any',
    node: 'any',
  },
];

/** `@scope/name` or `name` of a bare specifier. */
export const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const trouble = (one: Import, part: Part): string | undefined => {
  const { kind, specifier, target, from } = one;
  if (kind === 'computed') return 'imports a path that is computed; name the module in full';
  if (target !== undefined) {
    const allowed = part.mayImport(from);
    return allowed.some((prefix) => target.startsWith(prefix))
      ? undefined
      : `imports ${target}; ${part.name} may import ${allowed.join(', ')}`;
  }
  if (isBuiltin(specifier)) {
    const allowed = part.node === 'any' || part.node.includes(specifier);
    return allowed ? undefined : `imports ${specifier}; Node's own modules belong in src/adapters`;
  }
  if (part.packages === 'any' || part.packages.includes(packageName(specifier))) return undefined;
  return `imports the package ${specifier}; ${part.name} may import ${part.packages.join(', ')}`;
};

/** @returns what is wrong with an import of a file in src/, or undefined */
export const violation = (one: Import): string | undefined => {
  const part = parts.find(({ holds }) => holds(one.from));
  const wrong = part ? trouble(one, part) : 'is in no known part of src/: see docs/architecture.md';
  return wrong === undefined ? undefined : `${one.from}:${one.line} ${wrong}`;
};
