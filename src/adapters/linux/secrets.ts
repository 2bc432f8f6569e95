import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import type { SecretStore } from '../../engine/ports/secrets.ts';
import type { TaskKey } from '../../engine/ports/task-key.ts';

const Values = z.record(z.string(), z.string());

const sync = async (path: string): Promise<void> => {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
};

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Secret environment values as files that only root can read: `<directory>/<namespace>/<id>.json`, mode 0600. */
export const createSecretStore = (directory: string): SecretStore => {
  const pathOf = ({ namespace, id }: TaskKey) => join(directory, namespace, `${id}.json`);
  return {
    keep: async (task, secrets) => {
      const path = pathOf(task);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const file = await open(`${path}.new`, 'w', 0o600);
      try {
        await file.writeFile(JSON.stringify(secrets));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
      await sync(dirname(path));
    },
    read: async (task) => {
      try {
        return Values.parse(JSON.parse(await readFile(pathOf(task), 'utf8')));
      } catch (error) {
        if (isMissing(error)) return {};
        throw new Rejection(
          'data-loss',
          `the secret values of container '${task.id}' can't be read; create it again`,
          {
            cause: error,
          },
        );
      }
    },
    remove: (task) => rm(pathOf(task), { force: true }),
  };
};
