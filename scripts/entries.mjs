import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';

/**
 * Which files become programs of their own. Three are named here; the rest (worker threads and the processes that
 * outlive the daemon) are found by name: `worker.ts`, `*-worker.ts` and `*-main.ts` in a folder of src/adapters.
 *
 * Code that starts one writes `new URL('./worker.ts', import.meta.url)`, with the path of the source beside it. The
 * bundler and vitest both put the built file there, by the plugins below, so the same line works in dist/ and in a test.
 */
export const root = resolve(import.meta.dirname, '..');
export const dist = join(root, 'dist');

/** Loaded from node_modules at run time: they hold binaries. */
export const natives = ['koffi', 'fs-ext', '@node-rs/crc32'];

const programs = { shiplogd: 'src/main.ts', shiplog: 'src/cli.ts', 'shiplog-verify': 'src/verify.ts' };

/**
 * What a program loads with `import()` from a file beside its own: a bundle is read whole at every start, used or not. By
 * output name.
 */
export const programParts = {
  'shiplog-past': { source: 'src/bundle.ts', of: 'src/cli.ts' },
  'shiplog-fleet': { source: 'src/fleet.ts', of: 'src/cli.ts' },
};

const isSideEntry = (file) => /^(?:.*-)?worker\.ts$|-(?:worker-)?main\.ts$/.test(file);

/** `unpack/worker.ts` and `unpack/unpack-worker.ts` are `unpack-worker`; `stdio/holder-main.ts` is `stdio-holder`. */
export const outputName = (source) => {
  const folder = basename(dirname(source));
  const file = basename(source, '.ts').replace(/-main$/, '');
  return file.startsWith(`${folder}-`) ? file : `${folder}-${file}`;
};

/** Absolute source paths of the programs beside the daemon and the command line, by output name. */
export const sideEntries = (base = root) => {
  const adapters = join(base, 'src/adapters');
  if (!existsSync(adapters)) return {};
  const files = readdirSync(adapters, { recursive: true, encoding: 'utf8' })
    .filter((file) => isSideEntry(basename(file)))
    .sort();
  const found = {};
  for (const file of files) {
    const name = outputName(file);
    if (found[name] !== undefined || programs[name] !== undefined) {
      throw new Error(`two entries would both be dist/${name}.js: rename src/adapters/${file}`);
    }
    found[name] = join(adapters, file);
  }
  return found;
};

/** Every entry, by output name. @throws when one of the two programs is not there */
export const allEntries = (base = root) => {
  const mains = Object.fromEntries(Object.entries(programs).map(([name, file]) => [name, join(base, file)]));
  for (const [name, file] of Object.entries(mains)) {
    if (!existsSync(file))
      throw new Error(`${relative(base, file)} is missing: dist/${name}.js is built from it`);
  }
  const parts = Object.entries(programParts).map(([name, { source }]) => [name, join(base, source)]);
  return { ...mains, ...Object.fromEntries(parts), ...sideEntries(base) };
};

const ENTRY_URL = /new URL\(\s*(['"])\.\/([\w-]+)\.(?:ts|js)\1,\s*import\.meta\.url,?\s*\)/g;

/**
 * Points `new URL('./worker.ts', import.meta.url)` at the built program.
 * @param place makes the new expression from the output name
 */
export const pointAtBuilt = (code, sourceFile, place) =>
  code.replace(ENTRY_URL, (whole, _quote, name) => {
    const source = join(dirname(sourceFile), `${name}.ts`);
    return isSideEntry(basename(source)) && existsSync(source) ? place(outputName(source)) : whole;
  });
