import { availableParallelism } from 'node:os';
import type { Disk } from './disk.ts';
import { type Damage, LogDamage } from './failure.ts';
import { CHAIN_START, chainHex, type SegmentHeader } from './format.ts';
import { type Beginning, unjustified } from './horizon.ts';
import { realDisk } from './real-disk.ts';
import { readHeader, segmentPaths } from './recover.ts';
import { Redactions } from './redactions.ts';
import { checkSegment, type SegmentFindings } from './segment-check.ts';
import { SegmentThreads } from './segment-threads.ts';

export interface VerifiedLog {
  readonly intact: true;
  /** The first position that is there: 0, or where the log was pruned to. */
  readonly horizon: number;
  /** Position after the last event: their number, where nothing was pruned. */
  readonly events: number;
  /** Groups with events. */
  readonly groups: number;
  /** Chain hash after the last event, in hex: equal logs have equal ones. */
  readonly chain: string;
  /** Where an unfinished write follows the last group; the next opening cuts it. */
  readonly torn?: { readonly file: string; readonly offset: number };
}

export interface DamagedLog {
  readonly intact: false;
  readonly damage: Damage;
}

export interface VerifyProgress {
  readonly bytes: number;
  readonly totalBytes: number;
  readonly events: number;
}

export interface VerifyOptions {
  /** Called about once for each MiB. */
  readonly onProgress?: (progress: VerifyProgress) => void;
  /**
   * Told of the leaf hashes of the log's tree, 32 bytes for each event, in order, a segment at a time, as far as it is
   * intact. A pass that has to be repeated, since events were redacted meanwhile, begins again at the horizon.
   * It is waited for.
   * @param first position of the first of them
   */
  readonly onLeaves?: (hashes: Uint8Array, first: number) => Promise<void> | void;
  /** What the log lies on; this machine's when absent. */
  readonly disk?: Disk;
  /** Threads for a log of several large segments; 0 checks everything here. As many as there are cores, up to 4, when absent. */
  readonly threads?: number;
}

/**
 * Checks all of a log: checksums, order, the hash chain over heads, the hash of each event's data, and that every event is
 * an envelope. Takes no lock and changes nothing, so a log that is being written can be verified as far as it goes.
 * @throws Rejection `failed-precondition` (another format version), `internal` (a thread broke); errors of the file
 *   system as they are
 */
export const verifyLog = async (
  directory: string,
  options: VerifyOptions = {},
): Promise<VerifiedLog | DamagedLog> => {
  let result = await verifyOnce(directory, options);
  // What the writer redacted meanwhile is told of past the end that was looked at.
  while (!result.intact && result.unexplained) {
    const again = await verifyOnce(directory, options);
    const same =
      !again.intact &&
      again.damage.file === result.damage.file &&
      again.damage.offset === result.damage.offset;
    result = again;
    if (same) break;
  }
  return result.intact ? result : { intact: false, damage: result.damage };
};

type Pass = VerifiedLog | (DamagedLog & { readonly unexplained: boolean });

/** Less than this is checked before threads would have started. */
const THREADS_FROM_BYTES = 32 * 1024 * 1024;
const MAX_THREADS = 4;

const threadsFor = (options: VerifyOptions, segments: number, bytes: number): number => {
  if ((options.disk ?? realDisk) !== realDisk || segments < 2) return 0;
  if (options.threads !== undefined) return Math.min(options.threads, segments);
  return bytes < THREADS_FROM_BYTES ? 0 : Math.min(availableParallelism(), MAX_THREADS, segments);
};

const verifyOnce = async (directory: string, options: VerifyOptions): Promise<Pass> => {
  const { disk = realDisk } = options;
  const paths = await segmentPaths(disk, directory);
  const sizes = await Promise.all(paths.map((path) => disk.size(path)));
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  let [bytes, events] = [0, 0];
  const progress = (moreBytes: number, moreEvents: number): void => {
    bytes += moreBytes;
    events += moreEvents;
    options.onProgress?.({ bytes, totalBytes, events });
  };
  const count = threadsFor(options, paths.length, totalBytes);
  const threads = count < 2 ? undefined : new SegmentThreads(count, progress);
  const join = new Join();
  const leaves = options.onLeaves !== undefined;
  let first: SegmentHeader | undefined;
  const check = async (path: string, number: number): Promise<CheckedSegment> => {
    const header = number === 0 ? first : await readHeader(disk, path, first);
    if (header === undefined) throw new Error('the first header is read first');
    const last = number === paths.length - 1;
    const job = { path, size: sizes[number] ?? 0, header, last, leaves };
    return { path, header, found: await (threads?.check(job) ?? checkSegment(disk, job, progress)) };
  };
  try {
    if (paths[0] !== undefined) first = await readHeader(disk, paths[0], undefined);
    for await (const checked of inOrder(paths, count, check)) {
      join.add(checked);
      await options.onLeaves?.(checked.found.leaves, checked.header.base);
    }
    options.onProgress?.({ bytes: totalBytes, totalBytes, events });
  } catch (error) {
    if (!(error instanceof LogDamage)) throw error;
    const unexplained = join.unexplained();
    return { intact: false, damage: unexplained ?? error.damage, unexplained: unexplained !== undefined };
  } finally {
    await threads?.close();
  }
  return join.pass();
};

/** Starts up to `ahead` more than the one that is waited for. */
async function* inOrder<Item, Result>(
  items: readonly Item[],
  ahead: number,
  start: (item: Item, number: number) => Promise<Result>,
): AsyncGenerator<Result> {
  const started: Promise<Result>[] = [];
  for (const number of items.keys()) {
    for (let next = started.length; next <= number + ahead && next < items.length; next += 1) {
      const item = items[next];
      if (item === undefined) break;
      const result = start(item, next);
      // Whoever gave up before it was waited for does not want to know.
      result.catch(() => undefined);
      started.push(result);
    }
    const result = started[number];
    if (result !== undefined) yield await result;
  }
}

interface CheckedSegment {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly found: SegmentFindings;
}

/** Puts together what was found in each segment, in their order. */
class Join {
  readonly #redactions = new Redactions();
  #first: CheckedSegment | undefined;
  #beginning: Beginning | undefined;
  #next = 0;
  #groups = 0;
  #chain = CHAIN_START;
  #torn: { readonly file: string; readonly offset: number } | undefined;

  /** @throws LogDamage */
  add(checked: CheckedSegment): void {
    const { path, header, found } = checked;
    const damage = (what: string) => new LogDamage({ file: path, offset: 0, what });
    if (this.#first === undefined) {
      this.#first = checked;
    } else {
      if (header.base !== this.#next) {
        throw damage(`the segment begins at position ${header.base} where ${this.#next} is due`);
      }
      if (header.chain !== this.#chain)
        throw damage('the hash chain breaks at the beginning of this segment');
    }
    for (const { position, hash, damage: at } of found.deviations)
      this.#redactions.differs(position, hash, at);
    for (const { position, data } of found.redactions) this.#redactions.note(position, data);
    this.#beginning = found.beginning ?? this.#beginning;
    this.#torn = found.torn;
    this.#next = found.next;
    this.#chain = found.chain;
    this.#groups += found.groups;
    if (found.damage !== undefined) throw new LogDamage(found.damage);
  }

  /** The first event whose data is neither what its head vouches for nor redacted. */
  unexplained(): Damage | undefined {
    return this.#redactions.unexplained();
  }

  /** The verdict, once all of the log was seen. */
  pass(): Pass {
    const unexplained = this.unexplained();
    if (unexplained !== undefined) return { intact: false, damage: unexplained, unexplained: true };
    const begins = this.#beginsWrongly();
    if (begins !== undefined) return { intact: false, damage: begins, unexplained: false };
    return {
      intact: true,
      horizon: this.#first?.header.base ?? 0,
      events: this.#next,
      groups: this.#groups,
      chain: chainHex(this.#chain),
      ...(this.#torn === undefined ? {} : { torn: this.#torn }),
    };
  }

  /** A log that does not begin at 0 and tells of no pruning. */
  #beginsWrongly(): Damage | undefined {
    if (this.#first === undefined) return undefined;
    const what = unjustified(this.#first.header, this.#beginning);
    return what === undefined ? undefined : { file: this.#first.path, offset: 0, what };
  }
}
