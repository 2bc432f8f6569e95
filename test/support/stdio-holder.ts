import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * Bundles the stdio holder, as the build does, into a file of this process's own (below node_modules, so that the bundle
 * finds its native packages).
 */
export const bundleHolder = async (): Promise<{ entry: string; remove(): void }> => {
  const folder = join(import.meta.dirname, '../../node_modules/.cache/shiplog-test');
  mkdirSync(folder, { recursive: true });
  const entry = join(folder, `stdio-holder-${process.pid}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, '../../src/adapters/stdio/holder-main.ts')],
    outfile: entry,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: ['fs-ext', 'koffi'],
    logLevel: 'error',
  });
  return { entry, remove: () => rmSync(entry, { force: true }) };
};
