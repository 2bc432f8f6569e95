import { hash } from 'node:crypto';
import { z } from 'zod';
import { Metadata, Subject } from '../../domain/envelope.ts';
import type { Disk, DiskFile } from './disk.ts';
import { withFile } from './durable-file.ts';
import { type Damage, LogDamage } from './failure.ts';
import { CHAIN_START, chainHex, headField, SALT_BYTES, SEGMENT_HEADER_BYTES } from './format.ts';
import { chainAfter, chainBefore, countOf, type EventPlace, firstOf, placesOf } from './group.ts';
import { outOfOrder } from './read.ts';
import { realDisk } from './real-disk.ts';
import { readHeader, segmentPaths } from './recover.ts';
import { type Chunk, scan } from './scan.ts';
import { judgeTail } from './tail.ts';

export interface VerifiedLog {
  readonly intact: true;
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
  const paths = await segmentPaths(disk, directory);
  const sizes = await Promise.all(paths.map((path) => disk.size(path)));
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  const check = new Check(disk, (bytes, events) => onProgress?.({ bytes, totalBytes, events }));
  try {
    for (const [number, path] of paths.entries()) {
      await check.segment(path, sizes[number] ?? 0, number === paths.length - 1);
    }
  } catch (error) {
    if (error instanceof LogDamage) return { intact: false, damage: error.damage };
    throw error;
  }
  return check.result();
};

/** What has been seen so far. */
class Check {
  readonly #disk: Disk;
  readonly #progress: (bytes: number, events: number) => void;
  #first: Awaited<ReturnType<typeof readHeader>> | undefined;
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
      events: this.#next,
      groups: this.#groups,
      chain: chainHex(this.#chain),
      ...(this.#torn === undefined ? {} : { torn: this.#torn }),
    };
  }

  async segment(path: string, size: number, last: boolean): Promise<void> {
    const header = await readHeader(this.#disk, path, this.#first);
    this.#first ??= header;
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
      const wrong = wrongWith(bytes, place, this.#next);
      if (wrong !== undefined) throw damage(`event ${this.#next}: ${wrong}`);
      this.#next += 1;
    }
    if (countOf(bytes, at) > 0) this.#groups += 1;
    this.#chain = chainAfter(bytes, at);
  }
}

interface Stop {
  readonly offset: number;
  readonly what: string;
}

const wrongWith = (bytes: Buffer, place: EventPlace, due: number): string | undefined => {
  if (place.position !== due) return `its head says position ${place.position}`;
  const kept = bytes.toString('latin1', place.headAt + headField.dataHash, place.headText);
  const found = hash('sha256', bytes.subarray(place.dataAt, place.dataEnd), 'binary');
  if (kept !== found) return 'its data has another hash than its head says';
  try {
    const head = EnvelopeHead.safeParse(JSON.parse(bytes.toString('utf8', place.headText, place.headEnd)));
    if (!head.success) return `it is no envelope: ${z.prettifyError(head.error)}`;
    JSON.parse(bytes.toString('utf8', place.dataAt + SALT_BYTES, place.dataEnd));
  } catch (error) {
    return `it is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  return undefined;
};
