import { hash } from 'node:crypto';
import { z } from 'zod';
import { Metadata, Subject } from '../../domain/envelope.ts';
import type { Disk, DiskFile } from './disk.ts';
import { withFile } from './durable-file.ts';
import { type Damage, LogDamage } from './failure.ts';
import { chainHex, headField, SALT_BYTES, SEGMENT_HEADER_BYTES, type SegmentHeader } from './format.ts';
import { chainAfter, chainBefore, countOf, type EventPlace, firstOf, placesOf } from './group.ts';
import { type Beginning, beginningBy, beginningTypes } from './horizon.ts';
import { isPlainData, typeOfPlainHead } from './plain-shape.ts';
import { outOfOrder } from './read.ts';
import { type Chunk, scan } from './scan.ts';
import { judgeTail } from './tail.ts';

/** One segment to be checked by itself: it begins where its header says. Plain data, for another thread. */
export interface SegmentJob {
  readonly path: string;
  /** Bytes of the file that are looked at. */
  readonly size: number;
  readonly header: SegmentHeader;
  /** Whether it is the log's last, which may end in an unfinished write. */
  readonly last: boolean;
  /** Whether the hashes of its leaves are wanted. */
  readonly leaves: boolean;
}

/** What was found, up to the first damage. Plain data too. */
export interface SegmentFindings {
  /** Position after the last event. */
  readonly next: number;
  /** Chain hash after the last event. */
  readonly chain: string;
  readonly groups: number;
  /** Data that is not what its head vouches for: redacted, or damaged. `hash` in hexadecimal. */
  readonly deviations: readonly {
    readonly position: number;
    readonly hash: string;
    readonly damage: Damage;
  }[];
  /** The data of each `payload-redacted`. */
  readonly redactions: readonly { readonly position: number; readonly data: unknown }[];
  /** Where the log begins, as far as it tells. */
  readonly beginning?: Beginning;
  readonly torn?: { readonly file: string; readonly offset: number };
  readonly damage?: Damage;
  /** 32 bytes for each event, in order; empty where not wanted. */
  readonly leaves: Uint8Array<ArrayBuffer>;
}

/** Exported for the test that holds the short way against it. */
export const EnvelopeHead = z.object({
  type: z.string().min(1),
  version: z.number().int().positive(),
  subject: Subject,
  meta: Metadata,
});

/**
 * Checks everything about a segment that can be told from it alone.
 * @param progress told of bytes and events since it was last told, about once for each MiB
 * @throws errors of the disk as they are
 */
export const checkSegment = async (
  disk: Pick<Disk, 'open'>,
  job: SegmentJob,
  progress: (bytes: number, events: number) => void,
): Promise<SegmentFindings> => {
  const check = new SegmentCheck(job, progress);
  try {
    await withFile(disk, job.path, 'read', (file) => check.run(file));
  } catch (error) {
    if (!(error instanceof LogDamage)) throw error;
    return { ...check.findings(), damage: error.damage };
  }
  return check.findings();
};

/** Events that say something about the log itself: their data is read. */
const telling = new Set(['payload-redacted', ...beginningTypes]);

interface Stop {
  readonly offset: number;
  readonly what: string;
}

/** What has been seen so far. */
class SegmentCheck {
  readonly #job: SegmentJob;
  readonly #progress: (bytes: number, events: number) => void;
  readonly #deviations: { position: number; hash: string; damage: Damage }[] = [];
  readonly #redactions: { position: number; data: unknown }[] = [];
  readonly #leaves: Leaves | undefined;
  #beginning: Beginning | undefined;
  #next: number;
  #chain: string;
  #groups = 0;
  #torn: { readonly file: string; readonly offset: number } | undefined;
  #told: { readonly bytes: number; readonly events: number };

  constructor(job: SegmentJob, progress: (bytes: number, events: number) => void) {
    this.#job = job;
    this.#progress = progress;
    this.#next = job.header.base;
    this.#chain = job.header.chain;
    this.#told = { bytes: 0, events: job.header.base };
    this.#leaves = job.leaves ? new Leaves() : undefined;
  }

  findings(): SegmentFindings {
    return {
      next: this.#next,
      chain: this.#chain,
      groups: this.#groups,
      deviations: this.#deviations,
      redactions: this.#redactions,
      ...(this.#beginning === undefined ? {} : { beginning: this.#beginning }),
      ...(this.#torn === undefined ? {} : { torn: this.#torn }),
      leaves: this.#leaves?.hashes ?? new Uint8Array(),
    };
  }

  async run(file: DiskFile): Promise<void> {
    const stopped = await this.#groupsFrom(file, SEGMENT_HEADER_BYTES);
    if (stopped !== undefined) await this.#judge(file, stopped);
  }

  /** @returns where and why it stopped before the end of the file */
  async #groupsFrom(file: DiskFile, start: number): Promise<Stop | undefined> {
    for await (const chunk of scan(file, start, () => this.#job.size)) {
      for (const at of chunk.groups) this.#group(chunk, at);
      this.#progress(chunk.end - this.#told.bytes, this.#next - this.#told.events);
      this.#told = { bytes: chunk.end, events: this.#next };
      if (chunk.stop !== undefined) return { offset: chunk.end, what: chunk.stop };
    }
    return undefined;
  }

  async #judge(file: DiskFile, stop: Stop): Promise<void> {
    const { path, size, last } = this.#job;
    const tail = last ? await judgeTail(file, stop.offset, size) : 'damage';
    if (tail === 'clean') return;
    // The writer may have finished a group since it was read.
    const again = await this.#groupsFrom(file, stop.offset);
    if (again === undefined) return;
    if (again.offset > stop.offset) return this.#judge(file, again);
    if (tail === 'damage') throw new LogDamage({ file: path, ...stop, position: this.#next });
    this.#torn = { file: path, offset: stop.offset };
  }

  #group({ bytes, offset }: Chunk, at: number): void {
    const { path: file } = this.#job;
    const damage = (what: string) => new LogDamage({ file, offset: offset + at, what, position: this.#next });
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
      this.#deviations.push({ position: due, hash: chainHex(found), damage: damage(what).damage });
    }
    const event = check(bytes, place, due);
    if (typeof event === 'string') throw damage(`event ${due}: ${event}`);
    this.#leaves?.add(bytes, place);
    if (differs || !telling.has(event.type)) return;
    const data = readData(bytes, place);
    if (event.type === 'payload-redacted') this.#redactions.push({ position: due, data });
    this.#beginning = beginningBy({ type: event.type, data }) ?? this.#beginning;
  }
}

/** @returns the type of the event there, or what is wrong with it */
const check = (bytes: Buffer, place: EventPlace, due: number): { readonly type: string } | string => {
  if (place.position !== due) return `its head says position ${place.position}`;
  try {
    const type = readType(bytes, place);
    // One character a byte: where there are others than ASCII the text is not plain, and is read again.
    const plain = isPlainData(bytes.toString('latin1', place.dataAt + SALT_BYTES, place.dataEnd));
    if (!plain) readData(bytes, place);
    return { type };
  } catch (error) {
    if (error instanceof z.ZodError) return `it is no envelope: ${z.prettifyError(error)}`;
    return `it is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
};

const readData = (bytes: Buffer, { dataAt, dataEnd }: EventPlace): unknown =>
  JSON.parse(bytes.toString('utf8', dataAt + SALT_BYTES, dataEnd));

/** @throws ZodError, SyntaxError */
const readType = (bytes: Buffer, { headText, headEnd }: EventPlace): string =>
  typeOfPlainHead(bytes.toString('latin1', headText, headEnd)) ??
  EnvelopeHead.parse(JSON.parse(bytes.toString('utf8', headText, headEnd))).type;

const LEAF_BYTES = 32;
/** Goes before the bytes of a leaf as they are hashed (RFC 6962, section 2.1). */
const LEAF_PREFIX = 0;

/** Hashes of the leaves of the log's tree: the SHA-256 of the prefix and a whole head record. */
class Leaves {
  #bytes = Buffer.alloc(64 * 1024);
  #length = 0;

  add(bytes: Buffer, { headAt, headEnd }: EventPlace): void {
    if (this.#length === this.#bytes.length) {
      const larger = Buffer.alloc(this.#bytes.length * 2);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    // The byte before is lent to the prefix, so that nothing is copied.
    const before = bytes[headAt - 1] ?? 0;
    bytes[headAt - 1] = LEAF_PREFIX;
    this.#bytes.write(hash('sha256', bytes.subarray(headAt - 1, headEnd), 'binary'), this.#length, 'latin1');
    bytes[headAt - 1] = before;
    this.#length += LEAF_BYTES;
  }

  get hashes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.buffer, 0, this.#length);
  }
}
