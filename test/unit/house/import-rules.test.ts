import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { cyclesIn, importsOf } from './import-graph.ts';
import { packageName, violation } from './import-rules.ts';
import { filesIn, repository } from './source-tree.ts';

const real = filesIn('src', '.ts').flatMap(importsOf);
const Manifest = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});
const manifest = Manifest.parse(JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')));

const violationsOf = (path: string, text: string): string[] =>
  importsOf({ path, text })
    .map(violation)
    .filter((found) => found !== undefined);

describe('the import graph', () => {
  it('holds who may import whom', () => {
    expect(real.length).toBeGreaterThan(10);
    expect(real.map(violation).filter((found) => found !== undefined)).toEqual([]);
  });

  it('has no cycles', () => {
    expect(cyclesIn(real).map((cycle) => cycle.join(' -> '))).toEqual([]);
  });

  it('names only packages that package.json has', () => {
    const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }));
    const strangers = real
      .filter(({ specifier, target }) => target === undefined && !isBuiltin(specifier))
      .filter(({ specifier, kind }) => kind !== 'computed' && !declared.has(packageName(specifier)))
      .map(({ from, line, specifier }) => `${from}:${line} ${specifier}`);
    expect(strangers).toEqual([]);
  });
});

describe('a planted violation is caught:', () => {
  const planted: readonly [what: string, path: string, text: string, says: RegExp][] = [
    ['the domain reads a file', 'src/domain/a.ts', "import { readFile } from 'node:fs/promises';", /node:fs/],
    ['without the prefix', 'src/domain/a.ts', "import fs from 'fs';", /imports fs;/],
    ['the domain uses a library', 'src/domain/a.ts', "import { of } from 'rxjs';", /package rxjs/],
    ['for a type', 'src/domain/a.ts', "import type { Log } from '../engine/ports/log.ts';", /may import/],
    ['in a type', 'src/domain/a.ts', "type T = import('../engine/react.ts').T;", /engine\/react/],
    ['later', 'src/domain/a.ts', "const a = () => import('../adapters/cli/main.ts');", /adapters\/cli/],
    ['by exporting on', 'src/domain/a.ts', "export * from '../projections/images.ts';", /projections/],
    ['by require', 'src/engine/a.ts', "const fs = require('node:fs');", /node:fs/],
    ['by process', 'src/engine/a.ts', "const fs = process.getBuiltinModule('fs');", /imports fs/],
    ['by a computed path', 'src/adapters/cli/a.ts', 'const a = (p: string) => import(p);', /computed/],
    [
      'a projection uses a workflow',
      'src/projections/a.ts',
      "import { x } from '../workflows/pull.ts';",
      /workflows/,
    ],
    [
      'a workflow uses a projection',
      'src/workflows/a.ts',
      "import { x } from '../projections/gc.ts';",
      /projections/,
    ],
    [
      'the engine names an adapter',
      'src/engine/a.ts',
      "import { x } from '../adapters/blobs/store.ts';",
      /adapters/,
    ],
    [
      'what verifies proofs knows the daemon',
      'src/tlog/a.ts',
      "import { x } from '../domain/host.ts';",
      /domain/,
    ],
    ['what verifies proofs reads a file', 'src/tlog/a.ts', "import { x } from 'node:fs';", /node:fs/],
    [
      'one adapter uses another',
      'src/adapters/blobs/a.ts',
      "import { x } from '../overlay/mount.ts';",
      /adapters\/overlay/,
    ],
    ['whose name begins alike', 'src/adapters/shim/a.ts', "import { x } from '../shim-v3/b.ts';", /shim-v3/],
    [
      'an adapter uses the engine',
      'src/adapters/web/a.ts',
      "import { x } from '../../engine/dispatch.ts';",
      /dispatch/,
    ],
    [
      'an adapter starts another',
      'src/adapters/web/a.ts',
      "new URL('../unpack/worker.ts', import.meta.url);",
      /unpack/,
    ],
    [
      'an adapter uses the client',
      'src/adapters/web/a.ts',
      "import { x } from '../../client/client.ts';",
      /client/,
    ],
    [
      'anything imports a test',
      'src/adapters/web/a.ts',
      "import { x } from '../../../test/support/x.ts';",
      /test/,
    ],
    ['a new part of src', 'src/helpers/a.ts', "import { x } from './b.ts';", /no known part/],
  ];
  it.each(planted)('%s', (_what, path, text, says) => {
    expect(violationsOf(path, text)).toEqual([expect.stringMatching(says)]);
  });

  it('a cycle, also through types', () => {
    const files = [
      { path: 'src/domain/a.ts', text: "import type { B } from './b.ts';" },
      { path: 'src/domain/b.ts', text: "import { c } from './c.ts';" },
      { path: 'src/domain/c.ts', text: "export { a } from './a.ts';" },
    ];
    expect(cyclesIn(files.flatMap(importsOf))).toEqual([
      ['src/domain/a.ts', 'src/domain/b.ts', 'src/domain/c.ts', 'src/domain/a.ts'],
    ]);
  });
});

describe('what is allowed is not caught:', () => {
  const allowed: readonly [path: string, text: string][] = [
    ['src/domain/a.ts', "import { z } from 'zod'; import { Digest } from './identity.ts';"],
    ['src/workflows/a.ts', "import type { Digest } from '../domain/identity.ts';"],
    ['src/engine/ports/log.ts', "import type { Observable } from 'rxjs';"],
    [
      'src/engine/react.ts',
      "import { x } from '../projections/images.ts'; import { y } from '../workflows/gc.ts';",
    ],
    ['src/adapters/overlay/a.ts', "import { mount } from '../syscalls/mount.ts'; import fs from 'node:fs';"],
    ['src/adapters/cli/a.ts', "import { connect } from '../../client/client.ts';"],
    ['src/adapters/unpack/a.ts', "new URL('./worker.ts', import.meta.url);"],
    [
      'src/main.ts',
      "import { x } from './adapters/blobs/store.ts'; import { y } from './engine/dispatch.ts';",
    ],
  ];
  it.each(allowed)('%s', (path, text) => {
    expect(violationsOf(path, text)).toEqual([]);
  });
});
