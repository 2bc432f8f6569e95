import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Namespace, SandboxId } from '../../domain/identity.ts';
import type { SandboxKey } from '../../engine/ports/sandbox-shims.ts';
import { hasCode } from '../syscalls/error.ts';

/**
 * The directory of one sandbox, beside those of tasks:
 *
 *     <state>/io.containerd.sandbox.controller.v1.shim/<namespace>/<id>/
 *       config.json    the sandbox's specification, as its client gave it
 *       rootfs/        empty unless the shim mounts there
 *       work/          for the shim
 *       log            fifo, the shim's own log
 *       bootstrap.json how the shim answers
 *       shiplog.json   which shim
 */
const folder = 'io.containerd.sandbox.controller.v1.shim';
const recordFile = 'shiplog.json';

const SandboxBundle = z.object({
  version: z.literal(1),
  /** Absolute path of the shim's binary. */
  shim: z.string().startsWith('/'),
});
export type SandboxBundle = z.infer<typeof SandboxBundle>;

export const sandboxBundlePath = (stateDirectory: string, { namespace, id }: SandboxKey): string =>
  join(stateDirectory, folder, namespace, id);

/** @throws Error EEXIST where the directory holds a bundle already */
export const makeSandboxBundle = async (
  path: string,
  bundle: SandboxBundle,
  specification: string,
): Promise<void> => {
  await mkdir(join(path, 'rootfs'), { recursive: true, mode: 0o711 });
  await writeFile(join(path, recordFile), JSON.stringify(bundle), { mode: 0o600, flag: 'wx' });
  await mkdir(join(path, 'work'), { recursive: true, mode: 0o711 });
  await writeFile(join(path, 'config.json'), specification, { mode: 0o600 });
};

/** @returns undefined where there is no bundle */
export const readSandboxBundle = async (path: string): Promise<SandboxBundle | undefined> => {
  try {
    return SandboxBundle.parse(JSON.parse(await readFile(join(path, recordFile), 'utf8')));
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
};

/** Every bundle below the state directory. Names that are not ours to read as ids are passed over. */
export const listSandboxBundles = async (stateDirectory: string): Promise<readonly SandboxKey[]> => {
  const found: SandboxKey[] = [];
  for (const space of await namesIn(join(stateDirectory, folder))) {
    const namespace = Namespace.safeParse(space);
    if (!namespace.success) continue;
    for (const name of await namesIn(join(stateDirectory, folder, space))) {
      const id = SandboxId.safeParse(name);
      if (id.success) found.push({ namespace: namespace.data, id: id.data });
    }
  }
  return found;
};

const namesIn = async (path: string): Promise<readonly string[]> => {
  try {
    return await readdir(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
};
