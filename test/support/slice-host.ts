import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { slicePartsOf } from '../../src/adapters/grpc/slices.ts';
import { createNames } from '../../src/adapters/linux/names.ts';
import { leavesOf } from '../../src/adapters/log-file/leaves.ts';
import { createTreeHeads } from '../../src/adapters/tree-heads/tree-heads.ts';
import { position } from '../../src/domain/identity.ts';
import { proofsApi } from '../../src/engine/api/proofs.ts';
import { Notary } from '../../src/engine/notary.ts';
import type { ProofsApi, SliceQuery } from '../../src/engine/ports/proofs.ts';
import { Timeline } from '../../src/engine/timeline.ts';
import { packSlice } from '../../src/slice/file.ts';
import type { SlicePart } from '../../src/slice/format.ts';
import { because, type KeptLog, openKeptLog, RememberedViews } from './kept-log.ts';
import { quietLogger, realClock } from './task.ts';

/** A host that logs, signs and makes slices, without the rest of a daemon. */
export interface SliceHost extends KeptLog {
  readonly proofs: ProofsApi;
  readonly vkey: string;
  parts(query: Partial<SliceQuery>, reason?: string): AsyncIterable<SlicePart>;
  /** Saves a slice. @returns its path */
  save(name: string, query?: Partial<SliceQuery>): Promise<string>;
  close(): Promise<void>;
}

export const openSliceHost = async (root: string): Promise<SliceHost> => {
  const directory = join(root, 'log');
  const kept = await openKeptLog(directory, new RememberedViews(), { segmentBytes: 64 * 1024 });
  const { log, ledger } = kept;
  if (log.head === 0n) {
    const start = { type: 'start-daemon', version: '1', freshHostId: 'h', pid: 1 } as const;
    await ledger.dispatch([start], because);
  }
  const leaves = leavesOf(log.files);
  const keysDirectory = join(root, 'keys');
  const heads = createTreeHeads({ directory, keysDirectory, leaves, horizon: () => log.horizon });
  const notary = new Notary(
    { log, ledger, heads, clock: realClock, names: createNames(), logger: quietLogger },
    { actor: because.actor, interval: 3_600_000, heartbeat: 3_600_000, origin: '' },
  );
  await notary.start(log.durable);
  const timeline = new Timeline(log, ledger);
  const proofs = proofsApi({ log, ledger, heads, notary, leaves, timeline, program: '0.0.0' });
  const parts = (query: Partial<SliceQuery>, reason?: string): AsyncIterable<SlicePart> => {
    const asked = { from: { position: position(0n) }, redact: [], ...query };
    return slicePartsOf(proofs.slice(asked, { cause: { ...because, ...(reason ? { reason } : {}) } }));
  };
  return {
    ...kept,
    proofs,
    vkey: proofs.keys().keys.at(-1)?.vkey ?? '',
    parts,
    async save(name, query = {}) {
      const path = join(root, name);
      await pipeline(Readable.from(packSlice(parts(query))), createWriteStream(path));
      return path;
    },
    async close() {
      await notary.stop();
      await log.close();
    },
  };
};
