import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Makes a program of {@link file://./sandbox-shim.ts}. @returns its path, which is the runtime's name too */
export const makeSandboxShim = async (directory: string): Promise<string> => {
  const outfile = join(directory, 'containerd-shim-sandbox-v1');
  await build({
    entryPoints: [join(import.meta.dirname, 'sandbox-shim.ts')],
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
