import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClock } from '../src/adapters/linux/clock.ts';
import { createNames } from '../src/adapters/linux/names.ts';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { blobsLetGo } from '../src/domain/let-go.ts';
import { Collector } from '../src/engine/collector.ts';
import { Ledger } from '../src/engine/ledger.ts';
import { daemonActor } from '../src/engine/origin.ts';
import type { Logger } from '../src/engine/ports/logger.ts';
import { Content, WriteAction } from '../src/gen/containerd/services/content/v1/content_pb.ts';
import { Leases } from '../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { runProgram } from '../test/support/child.ts';
import { startContainerd } from '../test/support/containerd.ts';
import { connectBare } from './rig/bare-caller.ts';
import type { Bench, Figure, Report } from './rig/figures.ts';
import { fillLog } from './rig/fill-log.ts';
import type { PlainEvent } from './rig/host-stories.ts';
import {
  edgesOfImage,
  type HeldBlobs,
  heldBlobs,
  imageEvents,
  imageRemoval,
  recordEvents,
} from './rig/live-records.ts';
import { startOurs } from './rig/ours.ts';
import { unsynced, withScratch } from './rig/scratch.ts';
import { median } from './rig/statistics.ts';
import { appendsBesideUnlinking } from './rig/unlinking.ts';

const namespace = 'bench';
const writers = 8;

/** Writes blobs through containerd's API, all under one lease. */
const writeBlobs = async (address: string, { lease, bytes }: HeldBlobs): Promise<void> => {
  const holder = await connectBare(address, namespace);
  await holder.call(Leases.method.create, { id: lease });
  holder.close();
  const left = [...bytes];
  const work = async (): Promise<void> => {
    const caller = await connectBare(address, namespace, lease);
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [name, text] = next;
      const data = Buffer.from(text);
      const total = BigInt(data.length);
      const expected = `sha256:${name}`;
      const ref = `${lease}-${name}`;
      await caller.call(Content.method.write, { action: WriteAction.COMMIT, ref, total, expected, data });
    }
    caller.close();
  };
  await Promise.all(Array.from({ length: writers }, work));
};

/** Of a run that freed much: milliseconds to the answer, until no bytes were left, and of each write meanwhile. */
interface Freed {
  readonly answered: number;
  readonly gone: number;
  readonly writes: readonly number[];
}

/**
 * Ends leases and waits until their bytes are gone; somebody writes meanwhile.
 * @param holds whether some of them are left
 */
const freeBlobs = async (
  address: string,
  leases: readonly string[],
  holds: () => boolean,
): Promise<Freed> => {
  const caller = await connectBare(address, namespace);
  let over = false;
  const writing = writesOf(address, () => over);
  const started = performance.now();
  for (const id of leases) await caller.call(Leases.method.delete, { id, sync: id === leases.at(-1) });
  const answered = performance.now() - started;
  while (holds()) await new Promise((resolve) => setTimeout(resolve, 5));
  const gone = performance.now() - started;
  over = true;
  caller.close();
  return { answered, gone, writes: await writing };
};

let written = 0;
/** Makes leases, one after another. @returns how long each took, in milliseconds */
const writesOf = async (address: string, over: () => boolean): Promise<readonly number[]> => {
  const caller = await connectBare(address, namespace);
  const took: number[] = [];
  while (!over()) {
    written += 1;
    const started = performance.now();
    await caller.call(Leases.method.create, { id: `written-${written}` });
    took.push(performance.now() - started);
  }
  caller.close();
  return took;
};

/** Where containerd keeps blobs, below its root. */
const peerBlobs = join('io.containerd.content.v1.content', 'blobs', 'sha256');

/**
 * What a containerd has after its clients wrote blobs under leases. Only it can write its database: in memory, where its syncs
 * cost nothing, and then copied.
 * @param directory that one is going to be started below
 */
const preparePeer = (directory: string, garbage: readonly HeldBlobs[]): Promise<void> =>
  withScratch('tmpfs', async ({ disk: memory }) => {
    const { address, stop } = await startContainerd(join(memory, 'peer'));
    try {
      for (const held of garbage) await writeBlobs(address, held);
    } finally {
      await stop();
    }
    mkdirSync(directory, { recursive: true });
    await runProgram('cp', ['-a', join(memory, 'peer', 'root'), directory]);
  });

/** How long a start is left to settle after the first collection (milliseconds). */
const settlingMs = 5000;

/** 10,000 blobs that nothing keeps any more, in turns with containerd; those of later rounds are there from the beginning. */
const besideContainerd = async (disk: string, rounds: number, blobs: number): Promise<readonly Figure[]> => {
  // In the first all code runs for the first time.
  const counts = [Math.min(blobs, 1000), ...Array.from({ length: rounds }, () => blobs)];
  const garbage = counts.map((count, round) => heldBlobs(`lease-${round}`, count));
  const [peer, own] = [join(disk, 'peer'), join(disk, 'ours')];
  await unsynced(disk, async () => {
    await preparePeer(peer, garbage);
    await prepareMany(join(own, 'root'), 0, garbage);
  });
  const containerd = await startContainerd(peer);
  const ours = await startOurs(own);
  const sides = {
    ours: { address: ours.address, blobs: join(ours.root, ownBlobs) },
    peer: { address: containerd.address, blobs: join(peer, 'root', peerBlobs) },
  };
  const taken = { ours: [] as Freed[], peer: [] as Freed[] };
  try {
    for (const [round, { lease, bytes }] of garbage.entries()) {
      for (const side of ['ours', 'peer'] as const) {
        const { address, blobs: folder } = sides[side];
        const files = [...bytes.keys()].map((name) => join(folder, name));
        const freed = await freeBlobs(address, [lease], someLeft(files));
        if (round > 0) taken[side].push(freed);
      }
      // What a start without a saved state saves is no part of it.
      if (round === 0) await sleep(settlingMs);
    }
  } finally {
    await ours.stop();
    await containerd.stop();
  }
  const both = (of: (freed: Freed) => number) => ({ ours: taken.ours.map(of), peer: taken.peer.map(of) });
  const detail = `${blobs} blobs`;
  return [
    { name: 'freed, until the bytes are gone', detail, unit: 'ms', ...both(({ gone }) => gone) },
    { name: 'freed, until the answer', detail, unit: 'ms', ...both(({ answered }) => answered) },
    { name: 'longest write meanwhile', unit: 'ms', ...both(({ writes }) => Math.max(...writes)) },
  ];
};

/** Whether one of some files is there; each is looked for until it is gone. */
const someLeft = (files: readonly string[]): (() => boolean) => {
  const left = [...files];
  return () => {
    for (let last = left.at(-1); last !== undefined && !existsSync(last); last = left.at(-1)) left.pop();
    return left.length > 0;
  };
};

/** Where a daemon keeps blobs, below its root. */
const ownBlobs = join('content', 'blobs', 'sha256');

/** The log and the bytes of a host with many records, and with blobs under some leases, as if it had made them. */
const prepareMany = async (root: string, records: number, garbage: readonly HeldBlobs[]): Promise<void> => {
  mkdirSync(root, { recursive: true, mode: 0o711 });
  mkdirSync(join(root, ownBlobs), { recursive: true, mode: 0o711 });
  const log = await openFileLog({ directory: join(root, 'log') });
  await fillLog(log, recordEvents(records));
  for (const { events } of garbage) await fillLog(log, events);
  await log.close();
  for (const { bytes } of garbage) {
    for (const [name, text] of bytes) writeFileSync(join(root, ownBlobs, name), text);
  }
};

/** Blobs that a lease holds among many records: about what one pull brings. */
const blobsOfLease = 100;

/** Writes while a collection runs and while none does, on a host with many records. */
const besideManyRecords = async (
  disk: string,
  records: number,
  blobs: number,
  rounds: number,
): Promise<readonly Figure[]> => {
  const directory = join(disk, 'many');
  const root = join(directory, 'root');
  // In the first all code runs for the first time.
  const counts = [Math.min(blobs, 2000), ...Array.from({ length: rounds }, () => blobs)];
  const garbage = counts.map((count, round) =>
    Array.from({ length: Math.ceil(count / blobsOfLease) }, (_, n) =>
      heldBlobs(`many-${round}-${n}`, blobsOfLease),
    ),
  );
  await unsynced(disk, () => prepareMany(root, records, garbage.flat()));
  const started = performance.now();
  const { address, stop } = await startOurs(directory);
  const ready = performance.now() - started;
  const runs: Freed[] = [];
  const quiet: (readonly number[])[] = [];
  try {
    for (const [round, held] of garbage.entries()) {
      const files = held.flatMap(({ bytes }) => [...bytes.keys()].map((name) => join(root, ownBlobs, name)));
      const leases = held.map(({ lease }) => lease);
      const freed = await freeBlobs(address, leases, someLeft(files));
      const until = performance.now() + freed.gone;
      const alone = await writesOf(address, () => performance.now() > until);
      if (round === 0) continue;
      runs.push(freed);
      quiet.push(alone);
    }
  } finally {
    await stop();
  }
  const detail = `${blobs} blobs, ${records} live records`;
  const longest = (of: readonly (readonly number[])[]) => of.map((writes) => Math.max(...writes));
  const middle = (of: readonly (readonly number[])[]) => of.map(median);
  const busy = runs.map(({ writes }) => writes);
  return [
    { name: 'longest write during a collection', detail, unit: 'ms', ours: longest(busy) },
    { name: 'longest write in as long a time without', unit: 'ms', ours: longest(quiet) },
    { name: 'median write during a collection', unit: 'ms', ours: middle(busy) },
    { name: 'median write without', unit: 'ms', ours: middle(quiet) },
    { name: 'freed among many records', detail, unit: 'ms', ours: runs.map(({ gone }) => gone) },
    { name: 'ready among many records, no state saved', detail, unit: 'ms', ours: [ready] },
  ];
};

/** The same of a bare program on the same disk: the longest of its appends, while as many files are removed and before. */
const bareDisk = async (disk: string, files: number, rounds: number): Promise<readonly Figure[]> => {
  const meanwhile: number[] = [];
  const alone: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const appends = await appendsBesideUnlinking(disk, files);
    meanwhile.push(Math.max(...appends.meanwhile));
    alone.push(Math.max(...appends.alone));
  }
  const detail = `rm -r of ${files} files`;
  return [
    { name: 'floor: longest append of a bare program beside it', detail, unit: 'ms', ours: meanwhile },
    { name: 'floor: longest append of a bare program alone', unit: 'ms', ours: alone },
  ];
};

/** Blobs that each run of {@link byEdges} frees, 9 of an image. */
const imagesFreed = 112;
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Processor time of a collection, by how many edges the references have. */
const byEdges = async (disk: string, edges: number, rounds: number): Promise<number[]> => {
  const log = await openFileLog({ directory: join(disk, `edges-${edges}`) });
  const kept = Math.ceil(edges / edgesOfImage);
  const freed = Array.from({ length: rounds + 1 }, (_, round) =>
    Array.from({ length: imagesFreed }, (_, n) => `freed-${round}-${n}`),
  );
  const events = function* (): Generator<PlainEvent, void> {
    for (let n = 0; n < kept; n += 1) yield* imageEvents(String(n), 5000);
    for (const name of freed.flat()) yield* imageEvents(name);
  };
  await fillLog(log, events());
  const names = createNames();
  const clock = createClock('bench');
  const cause = { actor: daemonActor(process.pid, process.execPath), correlation: names.sortable() };
  const ledger = await Ledger.open(log, clock);
  const times = { delay: 1000, interval: 60_000 };
  const collector = new Collector(ledger, clock, names, silent, { actor: cause.actor, ...times });
  const spent: number[] = [];
  for (const [round, images] of freed.entries()) {
    await ledger.dispatch(images.map(imageRemoval), cause);
    const before = process.cpuUsage();
    const removed = await collector.collect(cause);
    const { user, system } = process.cpuUsage(before);
    const gone = removed.flatMap(blobsLetGo).length;
    if (gone !== imagesFreed * edgesOfImage) throw new Error(`${gone} were removed`);
    if (round > 0) spent.push((user + system) / 1000);
  }
  collector.stop();
  await log.close();
  return spent;
};

/** By how many edges there are; and how much dearer the most make it than the fewest. */
const byManyEdges = async (disk: string, sizes: readonly number[], rounds: number): Promise<Report> => {
  const figures: Figure[] = [];
  const points: [number, number][] = [];
  for (const edges of sizes) {
    const spent = await byEdges(disk, edges, rounds);
    const detail = `${imagesFreed * edgesOfImage} blobs freed`;
    figures.push({ name: `processor, ${edges} edges`, detail, unit: 'ms', ours: spent });
    points.push([edges, median(spent)]);
  }
  const [fewest, most] = [points[0]?.[1] ?? 1, points.at(-1)?.[1] ?? 1];
  figures.push({ name: 'processor, most edges by fewest', unit: '×', ours: [most / fewest] });
  return {
    title: 'Collections by the size of the store',
    figures,
    series: [
      {
        title: `Processor of a collection of ${imagesFreed * edgesOfImage} blobs`,
        x: { name: 'edges', log: true },
        y: { name: 'ms', log: false },
        lines: [{ name: 'Shiplog', points }],
      },
    ],
  };
};

/**
 * What a collection of garbage takes: as long as what containerd takes for as much (Debian's, through its API: blobs under
 * a lease, the lease deleted with `sync`), how long writes wait meanwhile on a host with many records, and that its cost
 * follows the garbage and not the store.
 *
 *     npm run bench -- gc [ROUNDS] [BLOBS] [RECORDS] [EDGES…]
 *
 * A count of 0 leaves its part out.
 */
export const main: Bench = (args) => {
  const [rounds = 3, blobs = 10_000, records = 200_000, ...sizes] = args.map(Number);
  const edges = sizes.length === 0 ? [10_000, 100_000, 1_000_000] : sizes;
  return withScratch('ext4', async ({ disk }) => {
    const reports: Report[] = [];
    if (blobs > 0) {
      const figures = [...(await besideContainerd(disk, rounds, blobs))];
      reports.push({ title: 'Garbage, in turns', figures });
    }
    if (records > 0) {
      const figures = await besideManyRecords(disk, records, Math.max(blobs, 1000), rounds);
      const bare = await bareDisk(disk, Math.max(blobs, 1000), rounds);
      reports.push({ title: 'Writes meanwhile', figures: [...figures, ...bare] });
    }
    if (edges.some((one) => one > 0)) reports.push(await byManyEdges(disk, edges, rounds));
    return reports;
  });
};
