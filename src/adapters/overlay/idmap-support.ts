import { closeSync } from 'node:fs';
import { oneRange } from '../../domain/id-mapping.ts';
import { isRejection } from '../../domain/rejection.ts';
import { SyscallError } from '../syscalls/error.ts';
import { cloneMount, idMapRefusals, mapMountIds } from '../syscalls/idmap.ts';
import { withUserNamespace } from './idmap-namespace.ts';

/** Any mapping will do to ask. */
const some = oneRange({ hostUid: 1, hostGid: 1, size: 1 });

/** Whether this kernel and the file system of a directory can show it under the ids of a user namespace, by trying it. */
export const canMapIds = async (directory: string): Promise<boolean> => {
  try {
    await withUserNamespace(some, async (namespace) => {
      const clone = cloneMount(directory);
      try {
        mapMountIds(clone, namespace, { readonly: true });
      } finally {
        closeSync(clone);
      }
    });
    return true;
  } catch (error) {
    // No user namespaces here, or no program that makes one.
    if (isRejection(error)) return false;
    if (error instanceof SyscallError && idMapRefusals.includes(error.errno)) return false;
    throw error;
  }
};
