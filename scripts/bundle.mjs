import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { natives, pointAtBuilt, programParts, root } from './entries.mjs';

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

/**
 * Packages that only some runs need, in files of their own: what a bundle holds is read at every start, loaded or not.
 * By the output's name; `loads` are what our code names of them.
 */
const apart = {
  'vendor-eventstoredb': [
    '@eventstore/db-client',
    '@eventstore/db-client/generated/shared_pb.js',
    '@eventstore/db-client/generated/streams_pb.js',
    '@eventstore/db-client/generated/streams_grpc_pb.js',
  ],
  'vendor-cel': ['@bufbuild/cel'],
  // gRPC's own reader of .proto files, for its services that tell about channels: we serve none of them.
  'vendor-proto-loader': ['@grpc/proto-loader'],
  'vendor-undici': ['undici'],
  'vendor-prom-client': ['prom-client'],
};

/** Takes those packages from their files, at the moment they are loaded. */
const fromApart = (outdir, programsDir) => ({
  name: 'apart',
  setup(building) {
    const homes = new Map(
      Object.entries(apart).flatMap(([home, loads]) => loads.map((load) => [load, home])),
    );
    building.onResolve({ filter: /^[@a-z]/ }, ({ path }) =>
      homes.has(path) ? { path, namespace: 'apart' } : undefined,
    );
    building.onResolve({ filter: /^apart:/ }, ({ path }) => ({
      path: `./${join(relative(outdir, programsDir), path.slice('apart:'.length))}.js`,
      external: true,
    }));
    building.onLoad({ filter: /.*/, namespace: 'apart' }, ({ path }) => ({
      contents: `module.exports = require('apart:${homes.get(path)}')[${JSON.stringify(path)}];`,
      loader: 'js',
    }));
  },
});

/** Leaves out what a program takes from a file beside it. */
const partsBeside = {
  name: 'parts-beside',
  setup(building) {
    const parts = Object.entries(programParts);
    building.onResolve({ filter: /^\.\/.*\.ts$/ }, ({ path, importer, kind }) => {
      if (kind !== 'dynamic-import') return undefined;
      const found = parts.find(
        ([, { source, of }]) =>
          join(root, of) === importer && join(root, source) === resolve(dirname(importer), path),
      );
      return found && { path: `./${found[0]}.js`, external: true };
    });
  },
};

/** zod's messages in forty languages, of which it takes English from another place: half of what zod is. */
const noLocales = {
  name: 'no-locales',
  setup(building) {
    building.onResolve({ filter: /^\.\.\/locales\/index\.js$/ }, ({ importer, path }) =>
      importer.includes('/node_modules/zod/') ? { path, namespace: 'no-locales' } : undefined,
    );
    building.onLoad({ filter: /.*/, namespace: 'no-locales' }, () => ({ contents: 'export {};' }));
  },
};

/** Bundles the packages that stay apart. @returns esbuild's metafile */
export const bundleApart = async (outdir) => {
  const inputs = {};
  for (const [name, loads] of Object.entries(apart)) {
    const fields = loads.map((load) => `${JSON.stringify(load)}: require(${JSON.stringify(load)})`);
    const result = await build({
      stdin: { contents: `module.exports = { ${fields.join(', ')} };`, resolveDir: root },
      outfile: join(outdir, `${name}.js`),
      ...common,
      sourcemap: false,
    });
    Object.assign(inputs, result.metafile.inputs);
    for (const file of result.outputFiles) writeWhole(file.path, file.contents);
  }
  return { inputs };
};

/**
 * esbuild runs a module late where something loads it late, and then forgets to run it for those that need it at once if
 * its package says that it has no side effects.
 */
const keepOrder = {
  name: 'keep-order',
  setup(building) {
    building.onResolve({ filter: /protobuf|^\.\.?\// }, async ({ path, pluginData, ...from }) => {
      const ours = path.startsWith('@bufbuild/protobuf') || from.importer.includes('/@bufbuild/protobuf/');
      if (!ours || pluginData === 'seen') return undefined;
      const found = await building.resolve(path, { ...from, pluginData: 'seen' });
      return found.errors.length > 0 ? found : { ...found, sideEffects: true };
    });
  },
};

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

const common = {
  bundle: true,
  format: 'cjs',
  // A script with a code cache has no import(): it becomes require(), also for what is loaded from node_modules.
  supported: { 'dynamic-import': false },
  platform: 'node',
  target: 'node20.18',
  charset: 'ascii',
  legalComments: 'none',
  external: natives,
  metafile: true,
  write: false,
  logLevel: 'silent',
};

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
    ...common,
    keepNames: false,
    // The text of a program stays in memory for as long as it runs. Names stay, and lines that a trace can tell apart.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 160,
    sourcemap: 'linked',
    sourcesContent: false,
    define: {
      'import.meta.url': '__fileUrl',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
    },
    banner: { js: "const __fileUrl = require('node:url').pathToFileURL(__filename).href;" },
    plugins: [
      entryUrls(outdir, programsDir),
      fromApart(outdir, programsDir),
      partsBeside,
      noLocales,
      keepOrder,
    ],
  });
  writeWhole(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');
  for (const file of result.outputFiles) {
    writeWhole(file.path, file.path.endsWith('.js') ? withBuildId(file.text) : file.contents);
  }
  return result.metafile;
};
