import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { natives, pointAtBuilt } from './entries.mjs';

/**
 * Bundles TypeScript entries into single CommonJS files. CommonJS, since only a script (not a module) can be compiled
 * with V8's code cache on Node 20; modules behind `import()` still run only when they are first asked for.
 */

const entryUrls = (outdir, programsDir) => ({
  name: 'entry-urls',
  setup(building) {
    building.onLoad({ filter: /[\\/]src[\\/]adapters[\\/].*\.ts$/ }, ({ path }) => {
      const up = relative(outdir, programsDir);
      const place = (name) => `new URL('./${join(up, name)}.js', import.meta.url)`;
      return { contents: pointAtBuilt(readFileSync(path, 'utf8'), path, place), loader: 'ts' };
    });
  },
});

/** Replaces a file in one step, so that a program that starts meanwhile reads the old one or the new one. */
export const writeWhole = (path, contents) => {
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}.new`;
  writeFileSync(fresh, contents);
  renameSync(fresh, path);
};

/** The loader in bin/ tells by this last line whether a code cache belongs to the bundle. */
const withBuildId = (contents) =>
  `${contents}//# build=${createHash('sha256').update(contents).digest('hex')}\n`;

/**
 * @param entries source path by output name
 * @param outdir folder of the outputs
 * @param programsDir folder where worker and holder programs are
 * @returns esbuild's metafile
 */
export const bundle = async (entries, outdir, programsDir = outdir) => {
  const result = await build({
    entryPoints: entries,
    outdir,
    bundle: true,
    format: 'cjs',
    // A script with a code cache has no import(): it becomes require(), also for what is loaded from node_modules.
    supported: { 'dynamic-import': false },
    platform: 'node',
    target: 'node20.18',
    charset: 'ascii',
    legalComments: 'none',
    keepNames: false,
    sourcemap: 'linked',
    sourcesContent: false,
    external: natives,
    define: {
      'import.meta.url': '__fileUrl',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
    },
    banner: { js: "const __fileUrl = require('node:url').pathToFileURL(__filename).href;" },
    plugins: [entryUrls(outdir, programsDir)],
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  writeWhole(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');
  for (const file of result.outputFiles) {
    writeWhole(file.path, file.path.endsWith('.js') ? withBuildId(file.text) : file.contents);
  }
  return result.metafile;
};
