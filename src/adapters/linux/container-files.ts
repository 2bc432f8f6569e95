import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ContainerId, Namespace } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { ContainerFiles } from '../../engine/ports/container-files.ts';
import type { TaskKey } from '../../engine/ports/task-key.ts';
import { hasCode } from '../syscalls/error.ts';
import { syncDirectoryAside } from '../syscalls/sync.ts';

const Values = z.record(z.string(), z.string());
const Folder = z.object({ namespace: Namespace, id: ContainerId });

const namesIn = async (directory: string): Promise<readonly string[]> => {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
};

const writeSecrets = async (path: string, secrets: Readonly<Record<string, string>>): Promise<void> => {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(secrets));
    await file.sync();
  } finally {
    await file.close();
  }
};

/** A folder for each container, `<directory>/<namespace>/<id>`, mode 0700. */
export const createContainerFiles = (directory: string): ContainerFiles => {
  const folderOf = ({ namespace, id }: TaskKey) => join(directory, namespace, id);
  const secretsOf = (task: TaskKey) => join(folderOf(task), 'secrets.json');
  return {
    keepSecrets: async (task, secrets) => {
      const path = secretsOf(task);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeSecrets(`${path}.new`, secrets);
      await rename(`${path}.new`, path);
      for (const above of [folderOf(task), join(directory, task.namespace), directory])
        await syncDirectoryAside(above);
    },
    readSecrets: async (task) => {
      try {
        return Values.parse(JSON.parse(await readFile(secretsOf(task), 'utf8')));
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return {};
        throw new Rejection(
          'data-loss',
          `the secret values of container '${task.id}' can't be read; create it again`,
          { cause: error },
        );
      }
    },
    list: async () => {
      const found: TaskKey[] = [];
      for (const namespace of await namesIn(directory)) {
        for (const id of await namesIn(join(directory, namespace))) {
          const task = Folder.safeParse({ namespace, id });
          if (task.success) found.push(task.data);
        }
      }
      return found;
    },
    remove: (task) => rm(folderOf(task), { recursive: true, force: true }),
  };
};
