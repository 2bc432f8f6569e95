import type { Disk, DiskFile } from '../../src/adapters/log-file/disk.ts';
import { type OpenFileLog, openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { createLogKeeper } from '../../src/adapters/log-file/keeper.ts';
import { Namespace, type Position } from '../../src/domain/identity.ts';
import type { Command } from '../../src/domain/world.ts';
import { folded } from '../../src/engine/fold.ts';
import { Keeping, type KeptViews } from '../../src/engine/keeping.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import type { Cause } from '../../src/engine/ports/cause.ts';
import type { LogCopy } from '../../src/engine/ports/replica.ts';
import type { SavedViews } from '../../src/engine/saved-views.ts';
import { emptyViews, type Views } from '../../src/engine/views.ts';
import { realClock } from './task.ts';

/** A host's log that is redacted, archived and pruned, without the rest of a daemon. */

export const because: Cause = {
  actor: { uid: 0, gid: 0, pid: 7, exe: '/usr/bin/shiplog', client: 'test' },
  correlation: 'keeping',
  reason: 'a test',
};

/** Saved views that outlive the program: as durable as what they stand for. */
export class RememberedViews implements KeptViews {
  readonly kept = new Map<Position, Views>();

  async below(at: Position): Promise<Views> {
    const near = [...this.kept.keys()].filter((one) => one <= at).sort((a, b) => Number(b - a))[0];
    return (near === undefined ? undefined : this.kept.get(near)) ?? emptyViews;
  }

  async keep(views: Views): Promise<void> {
    this.kept.set(views.world.position, views);
  }

  async forget(above: Position): Promise<void> {
    for (const at of this.kept.keys()) if (at > above) this.kept.delete(at);
  }
}

export interface KeptLog {
  readonly log: OpenFileLog;
  readonly ledger: Ledger;
  readonly keeping: Keeping;
}

interface KeptOptions {
  readonly disk?: Disk;
  readonly segmentBytes?: number;
  readonly copy?: LogCopy;
}

/** Opens the log as the daemon does, and finishes what a crash left. Its tree heads cover everything. */
export const openKeptLog = async (
  directory: string,
  views: RememberedViews,
  { disk, segmentBytes = 4096, copy }: KeptOptions = {},
): Promise<KeptLog> => {
  const log = await openFileLog({ directory, segmentBytes, ...(disk === undefined ? {} : { disk }) });
  const saved = { restore: () => restored(log, views) } as unknown as SavedViews;
  const ledger = await Ledger.open(log, realClock, saved);
  const heads = { covering: async () => log.durable };
  const keeper = createLogKeeper(log.files);
  const elsewhere = copy === undefined ? {} : { copy };
  const keeping = new Keeping({ log, ledger, keeper, views, heads, ...elsewhere });
  await keeping.finish();
  return { log, ledger, keeping };
};

const restored = async (log: OpenFileLog, views: RememberedViews): Promise<Views> => {
  return folded(log, { from: await views.below(log.durable), to: log.durable });
};

export const noteOf = (n: number): string => `secret words number ${n + 1000}`;

/** Namespace n, with a label that says something that may have to go. */
export const creation = (n: number): Command => ({
  type: 'create-namespace',
  namespace: Namespace.parse(`team-${n}`),
  labels: { note: noteOf(n) },
});

export const fill = async ({ ledger }: KeptLog, from: number, to: number): Promise<void> => {
  for (let n = from; n < to; n += 1) await ledger.dispatch([creation(n)], because);
};

/** What a namespace's note is, in a fold. */
export const noteIn = ({ world }: Views, n: number): string | undefined =>
  world.namespace.get(`team-${n}`)?.labels.note;

/** Bytes of all files of a log, as text. */
export const textOf = async (disk: Disk, directory: string): Promise<string> => {
  const texts: string[] = [];
  for (const name of await disk.list(directory)) {
    if (name === 'lock') continue;
    const path = `${directory}/${name}`;
    const bytes = Buffer.alloc(await disk.size(path));
    const file = await disk.open(path, 'read');
    await file.read(bytes, 0);
    await file.close();
    texts.push(bytes.toString('latin1'));
  }
  return texts.join('\n');
};

/** A disk that tells of each call that changes something, before it is made. */
export const watchedDisk = (disk: Disk, before: () => void): Disk => {
  const watched = (file: DiskFile): DiskFile => ({
    read: (into, offset) => file.read(into, offset),
    close: () => file.close(),
    write: (bytes, offset) => {
      before();
      return file.write(bytes, offset);
    },
    truncate: (length) => {
      before();
      return file.truncate(length);
    },
    syncData: () => {
      before();
      return file.syncData();
    },
    sync: () => {
      before();
      return file.sync();
    },
  });
  return {
    ...disk,
    open: async (path, how) => {
      if (how === 'replace') before();
      return watched(await disk.open(path, how));
    },
    rename: (from, to) => {
      before();
      return disk.rename(from, to);
    },
    remove: (path) => {
      before();
      return disk.remove(path);
    },
    syncDirectory: (path) => {
      before();
      return disk.syncDirectory(path);
    },
  };
};
