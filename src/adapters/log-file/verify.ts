import { hash } from 'node:crypto';
import { z } from 'zod';
import { Metadata, Subject } from '../../domain/envelope.ts';
import type { Pruned } from '../../domain/keeping.ts';
import type { Disk, DiskFile } from './disk.ts';
import { withFile } from './durable-file.ts';
import { type Damage, LogDamage } from './failure.ts';
import {
  CHAIN_START,
  chainHex,
  headField,
  SALT_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './format.ts';
import { chainAfter, chainBefore, countOf, type EventPlace, firstOf, placesOf } from './group.ts';
import { prunedBy, unjustified } from './horizon.ts';
import { outOfOrder } from './read.ts';
import { realDisk } from './real-disk.ts';
import { readHeader, segmentPaths } from './recover.ts';
import { Redactions } from './redactions.ts';
import { type Chunk, scan } from './scan.ts';
import { judgeTail } from './tail.ts';

export interface VerifiedLog {
  readonly intact: true;
  /** The first position that is there: 0, or where the log was pruned to. */
  readonly horizon: number;
  /** Position after the last event: their number, where nothing was pruned. */
  readonly events: number;
  /** Appends, marks left out. */
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

const EnvelopeHead = z.object({
  type: z.string().min(1),
  version: z.number().int().positive(),
  subject: Subject,
  meta: Metadata,
});

/**
 * Checks all of a log: checksums, order, the hash chain over heads, the hash of each event's data, and that every event is
 * an envelope. Takes no lock and changes nothing, so a log that is being written can be verified as far as it goes.
 * @param onProgress called about once for each MiB
 * @throws Rejection `failed-precondition` (another format version); errors of the file system as they are
 */
export const verifyLog = async (
  directory: string,
  onProgress?: (progress: VerifyProgress) => void,
  disk: Disk = realDisk,
): Promise<VerifiedLog | DamagedLog> => {
  let result = await verifyOnce(directory, onProgress, disk);
  // What the writer redacted meanwhile is told of past the end that was looked at.
  while (!result.intact && result.unexplained) {
    const again = await verifyOnce(directory, onProgress, disk);
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

const verifyOnce = async (
  directory: string,
  onProgress: ((progress: VerifyProgress) => void) | undefined,
  disk: Disk,
): Promise<Pass> => {
  const paths = await segmentPaths(disk, directory);
  const sizes = await Promise.all(paths.map((path) => disk.size(path)));
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  const check = new Check(disk, (bytes, events) => onProgress?.({ bytes, totalBytes, events }));
  try {
    for (const [number, path] of paths.entries()) {
      await check.segment(path, sizes[number] ?? 0, number === paths.length - 1);
    }
  } catch (error) {
    if (!(error instanceof LogDamage)) throw error;
    const unexplained = check.unexplained();
    return { intact: false, damage: unexplained ?? error.damage, unexplained: unexplained !== undefined };
  }
  const unexplained = check.unexplained();
  if (unexplained !== undefined) return { intact: false, damage: unexplained, unexplained: true };
  const begins = check.beginsWrongly();
  return begins === undefined ? check.result() : { intact: false, damage: begins, unexplained: false };
};

/** What has been seen so far. */
class Check {
  readonly #disk: Disk;
  readonly #progress: (bytes: number, events: number) => void;
  readonly #redactions = new Redactions();
  #first: { readonly path: string; readonly header: SegmentHeader } | undefined;
  #pruned: Pruned | undefined;
  #next = 0;
  #groups = 0;
  #chain = CHAIN_START;
  #bytesBefore = 0;
  #torn: { readonly file: string; readonly offset: number } | undefined;

  constructor(disk: Disk, progress: (bytes: number, events: number) => void) {
    this.#disk = disk;
    this.#progress = progress;
  }

  result(): VerifiedLog {
    return {
      intact: true,
      horizon: this.#first?.header.base ?? 0,
      events: this.#next,
      groups: this.#groups,
      chain: chainHex(this.#chain),
      ...(this.#torn === undefined ? {} : { torn: this.#torn }),
    };
  }

  /** The first event whose data is neither what its head vouches for nor redacted. */
  unexplained(): Damage | undefined {
    return this.#redactions.unexplained();
  }

  /** A log that does not begin at 0 and tells of no pruning, once all of it was seen. */
  beginsWrongly(): Damage | undefined {
    if (this.#first === undefined) return undefined;
    const what = unjustified(this.#first.header, this.#pruned);
    return what === undefined ? undefined : { file: this.#first.path, offset: 0, what };
  }

  async segment(path: string, size: number, last: boolean): Promise<void> {
    const header = await readHeader(this.#disk, path, this.#first?.header);
    if (this.#first === undefined) {
      this.#first = { path, header };
      this.#next = header.base;
      this.#chain = header.chain;
    }
    const damage = (what: string) => new LogDamage({ file: path, offset: 0, what });
    if (header.base !== this.#next) {
      throw damage(`the segment begins at position ${header.base} where ${this.#next} is due`);
    }
    if (header.chain !== this.#chain) throw damage('the hash chain breaks at the beginning of this segment');
    await withFile(this.#disk, path, 'read', async (file) => {
      const stopped = await this.#groupsOf(file, path, SEGMENT_HEADER_BYTES, size);
      if (stopped !== undefined) await this.#judge(file, path, stopped, size, last);
    });
    this.#bytesBefore += size;
  }

  /** @returns where and why it stopped before the end of the file */
  async #groupsOf(file: DiskFile, path: string, start: number, size: number): Promise<Stop | undefined> {
    for await (const chunk of scan(file, start, () => size)) {
      for (const at of chunk.groups) this.#group(chunk, at, path);
      this.#progress(this.#bytesBefore + chunk.end, this.#next);
      if (chunk.stop !== undefined) return { offset: chunk.end, what: chunk.stop };
    }
    return undefined;
  }

  async #judge(file: DiskFile, path: string, stop: Stop, size: number, last: boolean): Promise<void> {
    const tail = last ? await judgeTail(file, stop.offset, size) : 'damage';
    if (tail === 'clean') return;
    // The writer may have finished a group since it was read.
    const again = await this.#groupsOf(file, path, stop.offset, size);
    if (again === undefined) return;
    if (again.offset > stop.offset) return this.#judge(file, path, again, size, last);
    if (tail === 'damage') throw new LogDamage({ file: path, ...stop });
    this.#torn = { file: path, offset: stop.offset };
  }

  #group({ bytes, offset }: Chunk, at: number, file: string): void {
    const damage = (what: string) => new LogDamage({ file, offset: offset + at, what });
    const first = firstOf(bytes, at);
    if (first !== this.#next) throw outOfOrder(file, offset + at, this.#next, first);
    if (chainBefore(bytes, at) !== this.#chain) throw damage('the hash chain breaks before this group');
    for (const place of placesOf(bytes, at)) {
      this.#event(bytes, place, damage);
      this.#next += 1;
    }
    if (countOf(bytes, at) > 0) this.#groups += 1;
    this.#chain = chainAfter(bytes, at);
  }

  #event(bytes: Buffer, place: EventPlace, damage: (what: string) => LogDamage): void {
    const due = this.#next;
    const kept = bytes.toString('latin1', place.headAt + headField.dataHash, place.headText);
    const found = hash('sha256', bytes.subarray(place.dataAt, place.dataEnd), 'binary');
    const differs = place.position === due && kept !== found;
    if (differs) {
      const what = `event ${due}: its data has another hash than its head says, and no later event redacts it`;
      this.#redactions.differs(due, chainHex(found), damage(what).damage);
    }
    const event = read(bytes, place, due);
    if (typeof event === 'string') throw damage(`event ${due}: ${event}`);
    if (differs) return;
    if (event.type === 'payload-redacted') this.#redactions.note(due, event.data);
    this.#pruned = prunedBy(event) ?? this.#pruned;
  }
}

interface Stop {
  readonly offset: number;
  readonly what: string;
}

/** @returns the event, or what is wrong with it */
const read = (bytes: Buffer, place: EventPlace, due: number): { type: string; data: unknown } | string => {
  if (place.position !== due) return `its head says position ${place.position}`;
  try {
    const head = EnvelopeHead.safeParse(JSON.parse(bytes.toString('utf8', place.headText, place.headEnd)));
    if (!head.success) return `it is no envelope: ${z.prettifyError(head.error)}`;
    const data: unknown = JSON.parse(bytes.toString('utf8', place.dataAt + SALT_BYTES, place.dataEnd));
    return { type: head.data.type, data };
  } catch (error) {
    return `it is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
};
