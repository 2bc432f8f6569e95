import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { writeWhole } from './bundle.mjs';
import { root } from './entries.mjs';

/**
 * The package `shiplog/client`: one ES module, and the declarations that it takes to use it. gRPC is bundled in, since
 * nothing of it shows; protobuf stays a package of its own, since its messages do.
 */
const entry = 'src/client/index.ts';
const banner =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** Imports and exports of other files in a declaration. */
const REFERENCE = /(\bfrom\s+|\bimport\()(['"])(\.{1,2}\/[^'"]+)\.ts\2/g;

/** Copies a declaration, and those that it refers to. */
const takeDeclarations = (from, to) => {
  const waiting = ['client/index.d.ts'];
  const seen = new Set(waiting);
  for (const file of waiting) {
    const text = readFileSync(join(from, file), 'utf8');
    for (const [, , , path] of text.matchAll(REFERENCE)) {
      const next = relative(from, resolve(from, dirname(file), `${path}.d.ts`));
      if (!seen.has(next)) {
        seen.add(next);
        waiting.push(next);
      }
    }
    const target = join(to, file);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(
      target,
      text.replaceAll(REFERENCE, '$1$2$3.js$2').replace(/^\/\/# sourceMappingURL.*$/m, ''),
    );
  }
};

/** @param outdir folder of the package @returns esbuild's metafile */
export const buildClient = async (outdir) => {
  const result = await build({
    entryPoints: [join(root, entry)],
    outfile: join(outdir, 'index.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.18',
    charset: 'ascii',
    legalComments: 'none',
    external: ['@bufbuild/protobuf', '@bufbuild/protobuf/*'],
    banner: { js: banner },
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  const types = mkdtempSync(join(tmpdir(), 'shiplog-client-'));
  try {
    const tsc = join(root, 'node_modules/.bin/tsc');
    execFileSync(tsc, ['-p', join(root, 'tsconfig.client.json'), '--outDir', types], {
      cwd: root,
      stdio: 'pipe',
    });
    rmSync(join(outdir, 'types'), { recursive: true, force: true });
    takeDeclarations(types, join(outdir, 'types'));
  } finally {
    rmSync(types, { recursive: true, force: true });
  }
  writeWhole(join(outdir, 'package.json'), '{ "type": "module" }\n');
  for (const file of result.outputFiles) writeWhole(file.path, file.contents);
  return result.metafile;
};
