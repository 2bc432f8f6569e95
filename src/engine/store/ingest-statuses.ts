import { findIngest } from '../../domain/content.ts';
import type { IngestRef, Namespace, Timestamp } from '../../domain/identity.ts';
import type { WriteStatus } from '../ports/store/content.ts';
import type { StoreParts } from './parts.ts';

/** Unfinished writes of a namespace that have bytes of their own, by ref: what the log says of each, and how far it is. */
export const ingestStatuses = async (
  { ledger, ports }: StoreParts,
  namespace: Namespace,
  only?: IngestRef,
): Promise<readonly WriteStatus[]> => {
  const onDisk = await ports.blobs.ingests();
  const { content } = ledger.durable.world;
  const statuses = onDisk.flatMap(({ namespace: of, ref, offset, updatedAt }): readonly WriteStatus[] => {
    if (of !== namespace || (only !== undefined && ref !== only)) return [];
    const record = findIngest(content, namespace, ref);
    if (!record) return [];
    return [
      {
        ref,
        offset,
        total: record.size ?? 0,
        ...(record.digest === undefined ? {} : { expected: record.digest }),
        startedAt: record.startedAt,
        updatedAt: updatedAt as Timestamp,
      },
    ];
  });
  return statuses.sort((a, b) => (a.ref < b.ref ? -1 : 1));
};
