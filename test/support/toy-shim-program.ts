import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Makes a program of {@link file://./toy-shim.ts}, called as the shim of the runtime `io.containerd.toy.v1`. @returns its path */
export const makeToyShim = async (directory: string): Promise<string> => {
  const outfile = join(directory, 'containerd-shim-toy-v1');
  await build({
    entryPoints: [join(import.meta.dirname, 'toy-shim.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    banner: { js: `#!${process.execPath}` },
    logLevel: 'error',
  });
  chmodSync(outfile, 0o755);
  return outfile;
};
