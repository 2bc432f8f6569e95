import type { Observable } from 'rxjs';
import type { Envelope, Recorded } from '../../domain/envelope.ts';
import { type Position, position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import { type Log, LogLimits, type LogRange } from '../../engine/ports/log.ts';
import type { Disk } from './disk.ts';
import { batchOf } from './event-text.ts';
import { ioRejection, refusalOf } from './failure.ts';
import { decodeGroup } from './group.ts';
import { GroupBuffer } from './group-buffer.ts';
import { belowHorizon } from './horizon.ts';
import { findBackward, findForward } from './index/indexed-read.ts';
import { openSidecars, type Sidecars } from './index/sidecars.ts';
import { LiveFeed } from './live-feed.ts';
import type { WriterLock } from './lock.ts';
import type { LogFiles } from './log-files.ts';
import { Pace } from './pace.ts';
import { readBackward, readForward } from './read.ts';
import { realDisk } from './real-disk.ts';
import { makeDirectory, recover, type TornTail } from './recover.ts';
import type { Segment } from './segment.ts';
import { type Continuation, SegmentWriter } from './segment-writer.ts';
import { Waiters } from './waiters.ts';

export interface FileLogOptions {
  /** Absolute path; made where it is missing. */
  readonly directory: string;
  /** A new segment begins when one has reached this size. 64 MiB when absent. */
  readonly segmentBytes?: number;
  /** Told of a torn tail that was cut at opening. */
  readonly onTornTail?: (torn: TornTail) => void;
  /** What the log lies on; this machine's when absent. */
  readonly disk?: Disk;
  /** Sealed segments from this size on get an index beside them. 256 KiB when absent. */
  readonly indexFromBytes?: number;
  /** Told of what is wrong with indexes; the log goes on without them. */
  readonly warn?: (message: string) => void;
}

/**
 * Opens the log in a directory, for writing; makes it where there is none.
 * @throws Rejection `unavailable` (another writer has it, I/O error), `resource-exhausted` (disk full),
 *   `failed-precondition` (another format version); LogDamage (`data-loss`) with file and offset
 */
export const openFileLog = async (options: FileLogOptions): Promise<OpenFileLog> => {
  const { directory, segmentBytes = 64 * 1024 * 1024, disk = realDisk } = options;
  let lock: WriterLock | undefined;
  try {
    await makeDirectory(disk, directory);
    lock = await disk.lock(directory);
    const found = await recover(disk, directory);
    if (found.torn !== undefined) options.onTornTail?.(found.torn);
    const { segments, logId, size } = found;
    const writer = await SegmentWriter.open({
      disk,
      directory,
      logId,
      segmentBytes,
      segments,
      prepared: size,
    });
    const sidecars = await openSidecars({
      disk,
      directory,
      logId,
      segments,
      fromBytes: options.indexFromBytes ?? 256 * 1024,
      building: disk === realDisk,
      warn: options.warn ?? (() => undefined),
    });
    const pace = disk === realDisk ? new Pace() : undefined;
    return new FileLog({ ...found, pace, disk, directory, lock, writer, sidecars });
  } catch (error) {
    lock?.release();
    throw ioRejection(error, directory);
  }
};

/** A log, and the files that it lies in. */
export interface OpenFileLog extends Log {
  readonly files: LogFiles;
}

interface Parts {
  readonly disk: Disk;
  readonly directory: string;
  readonly logId: string;
  readonly lock: WriterLock;
  readonly writer: SegmentWriter;
  /** Absent over a simulated disk, where nothing may depend on the machine's time. */
  readonly pace: Pace | undefined;
  readonly sidecars: Sidecars;
  readonly segments: Segment[];
  readonly archives: readonly string[];
  readonly next: number;
  readonly chain: string;
  readonly marked: boolean;
}

/** With this much to write it doesn't pay to wait for more. */
const EAGER_BYTES = 64 * 1024;

/** The end of what is durable. */
interface Place {
  /** Events so far. */
  readonly next: Position;
  /** The chain hash over them. */
  readonly chain: string;
}

/**
 * Group commit: appends fill one buffer while the other is being written and synced. One write is under way at a time.
 */
class FileLog implements OpenFileLog {
  readonly #parts: Parts;
  readonly #feed: LiveFeed;
  /** After everything handed over. */
  #head: Position;
  /** After everything durable. */
  #durable: Place;
  #filling = new GroupBuffer();
  #writing = new GroupBuffer();
  readonly #waiters = new Waiters();
  /** The write under way. */
  #cycle: Promise<void> | undefined;
  /** How many wait for the write under way to end before another begins. */
  #held = 0;
  /** Whether a write begins after this turn. */
  #turning = false;
  /** Whether the last write was of one event: then nobody else is about to append. */
  #alone = true;
  #closing: Promise<void> | undefined;
  /** Whether the file ends with a mark that vouches for all of it. */
  #marked: boolean;
  /** Where the events below the horizon are. */
  #archives: readonly string[];

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#head = position(BigInt(parts.next));
    this.#durable = { next: this.#head, chain: parts.chain };
    this.#marked = parts.marked;
    this.#archives = parts.archives;
    this.#feed = new LiveFeed(this);
  }

  get head(): Position {
    return this.#head;
  }

  get durable(): Position {
    return this.#durable.next;
  }

  get horizon(): Position {
    return position(BigInt(this.#parts.segments[0]?.base ?? 0));
  }

  append(events: readonly Envelope[], expected: Position): Promise<Position> {
    try {
      this.#accept(events, expected);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#schedule();
    return this.#waiters.until(this.#head);
  }

  get files(): LogFiles {
    const { disk, directory, logId, segments } = this.#parts;
    return {
      disk,
      directory,
      logId,
      segments,
      seal: () => this.#seal(),
      letGo: (horizon, archives) => {
        this.#archives = archives;
        // The last segment stays, whatever it holds: it is being written.
        const kept = segments.findIndex((_, number) => (segments[number + 1]?.base ?? Infinity) > horizon);
        return segments.splice(0, kept);
      },
      discardIndex: (path) => this.#parts.sidecars.discard(path),
      takeBack: (found) => {
        this.#archives = [];
        segments.unshift(...found);
        this.#parts.sidecars.notice();
      },
    };
  }

  async *read(range: LogRange = {}): AsyncIterable<readonly Recorded[]> {
    const { horizon } = this;
    if (range.from !== undefined && range.from < horizon)
      throw belowHorizon(range.from, horizon, this.#archives);
    const from = Number(range.from ?? horizon);
    const to = range.to === undefined ? Number.POSITIVE_INFINITY : Number(range.to);
    const { segments, sidecars } = this.#parts;
    const { where, backward = false } = range;
    const end = backward ? Math.min(to, Number(this.#durable.next)) : to;
    if (where === undefined) yield* (backward ? readBackward : readForward)(segments, from, end);
    else yield* (backward ? findBackward : findForward)(segments, sidecars, { from, to: end, where });
  }

  subscribe(from: Position): Observable<Recorded> {
    return this.#feed.from(from);
  }

  settled(until: Position): Promise<void> {
    if (until <= this.durable) return Promise.resolve();
    if (until <= this.head) return this.#waiters.until(until).then(() => undefined);
    return Promise.reject(
      new Rejection(
        'unavailable',
        `Waiting for position ${until}: the log has been handed ${this.head} events. What came after failed to be written, or never came.`,
      ),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  /** Fixes the order of a batch, or throws and changes nothing. */
  #accept(events: readonly Envelope[], expected: Position): void {
    const { directory } = this.#parts;
    if (this.#closing !== undefined) {
      throw new Rejection('unavailable', `Appending to the log in ${directory}: it is closed.`);
    }
    if (expected !== this.head) {
      throw new Rejection(
        'aborted',
        `Appending at position ${expected}: the log is at ${this.head}. Decide again from what came between.`,
      );
    }
    const batch = batchOf(events);
    const queued = this.#filling.waiting + this.#writing.waiting;
    if (queued + batch.groupBytes > LogLimits.queuedBytes) {
      throw new Rejection(
        'resource-exhausted',
        `Appending ${batch.groupBytes} bytes: ${queued} bytes wait to be written, over the bound of ${LogLimits.queuedBytes}. Wait and try again.`,
      );
    }
    this.#filling.add(batch, Number(this.#head));
    this.#head = position(this.#head + BigInt(events.length));
  }

  /**
   * Sees to it that what was handed over gets written. Usually after a turn of the event loop, so that everybody whom the
   * last write woke can append again and share the next sync. At once where one appender is alone, and where there is
   * enough for the disk to work on while the rest is still being encoded, unless the disk is what everybody waits for.
   */
  #schedule(): void {
    if (this.#cycle !== undefined) return;
    const enough = this.#filling.waiting >= EAGER_BYTES && this.#parts.pace?.diskBound !== true;
    if (this.#alone || enough) {
      this.#begin();
    } else if (!this.#turning) {
      this.#turning = true;
      setImmediate(() => {
        this.#turning = false;
        this.#begin();
      });
    }
  }

  #begin(): void {
    if (this.#cycle !== undefined || this.#filling.waiting === 0 || this.#held > 0) return;
    this.#cycle = this.#writeOnce();
  }

  async #writeOnce(): Promise<void> {
    [this.#filling, this.#writing] = [this.#writing, this.#filling];
    const next = this.#head;
    let chain: string;
    try {
      chain = await this.#write();
    } catch (error) {
      const left = await this.#parts.writer.takeBack();
      this.#cycle = undefined;
      this.#fail(refusalOf(error, left, this.#parts.directory));
      return;
    }
    this.#cycle = undefined;
    this.#succeed({ next, chain });
  }

  /**
   * Calls the disk before it returns to its caller, where nothing is to be done first.
   * @returns the chain hash after what it wrote
   */
  async #write(): Promise<string> {
    const { writer } = this.#parts;
    if (!writer.isReady) await writer.ready(this.#continuation);
    const chain = this.#writing.seal(writer.synced, this.#durable.chain);
    await writer.write(this.#writing.sealed);
    return chain;
  }

  /** Between two writes, as one of them. */
  async #seal(): Promise<void> {
    this.#held += 1;
    while (this.#cycle !== undefined) await this.#cycle;
    this.#held -= 1;
    const sealed = this.#parts.writer.seal(this.#continuation);
    const over = (): void => {
      this.#cycle = undefined;
      if (this.#filling.waiting > 0) this.#schedule();
    };
    this.#cycle = sealed.then(over, over);
    try {
      await sealed;
      this.#marked = false;
    } catch (error) {
      throw ioRejection(error, this.#parts.directory);
    }
  }

  get #continuation(): Continuation {
    return { base: Number(this.#durable.next), chain: this.#durable.chain };
  }

  /** The next write begins before those who waited for this one hear of it, so that the disk works while they encode. */
  #succeed(reached: Place): void {
    this.#alone = reached.next - this.#durable.next === 1n;
    this.#parts.pace?.note();
    this.#parts.writer.commit(this.#writing);
    this.#durable = reached;
    this.#parts.sidecars.notice();
    this.#marked = false;
    this.#deliver();
    this.#writing.clear();
    if (this.#filling.waiting > 0) this.#schedule();
    this.#waiters.reached(reached.next);
  }

  /** Gives up everything that is not durable. */
  #fail(reason: Rejection): void {
    this.#head = this.#durable.next;
    this.#marked = false;
    this.#filling.clear();
    this.#writing.clear();
    this.#waiters.refuse(reason);
  }

  /** Hands the last write to whoever follows live, a turn later: whoever appended goes first. */
  #deliver(): void {
    if (!this.#feed.wanted) return;
    const events: Recorded[] = [];
    for (const at of this.#writing.starts) {
      decodeGroup(this.#writing.sealed, at, 0, Number.POSITIVE_INFINITY, events);
    }
    setImmediate(() => this.#feed.deliver(events));
  }

  async #finish(): Promise<void> {
    while (this.#cycle !== undefined || this.#filling.waiting > 0) {
      this.#begin();
      await this.#cycle;
    }
    await new Promise((resolve) => setImmediate(resolve));
    this.#feed.end();
    try {
      if (!this.#marked) await this.#mark();
    } finally {
      await this.#parts.sidecars.close();
      await this.#parts.writer.close();
      this.#parts.lock.release();
    }
  }

  /** Ends the file with a mark, so that damage to the last events can't pass for a torn tail at the next start. */
  async #mark(): Promise<void> {
    const { writer, directory } = this.#parts;
    this.#writing.addMark(Number(this.#durable.next));
    try {
      await writer.mend(this.#continuation);
      this.#writing.seal(writer.synced, this.#durable.chain);
      await writer.write(this.#writing.sealed);
    } catch (error) {
      throw ioRejection(error, directory);
    }
  }
}
