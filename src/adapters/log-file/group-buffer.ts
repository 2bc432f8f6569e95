import { randomFillSync } from 'node:crypto';
import type { Batch } from './event-text.ts';
import {
  GROUP_HEADER_BYTES,
  GROUP_MAGIC,
  groupField,
  HEAD_FIXED_BYTES,
  headField,
  SALT_BYTES,
  writeU64,
} from './format.ts';
import { sealGroups } from './seal.ts';

const INITIAL_BYTES = 256 * 1024;
/** A buffer that grew past this in a burst is let go afterwards. */
const KEPT_BYTES = 4 * 1024 * 1024;

/** Random words, made in bulk: asking for 16 bytes at a time would cost more than hashing them. */
const salts = new Uint32Array(16 * 1024);
let saltsUsed = salts.length;
const putSalt = (bytes: Buffer, at: number): void => {
  if (saltsUsed === salts.length) {
    randomFillSync(salts);
    saltsUsed = 0;
  }
  for (let end = at + SALT_BYTES, word = at; word < end; word += 4) {
    bytes.writeUInt32LE(salts[saltsUsed] ?? 0, word);
    saltsUsed += 1;
  }
};

/** Groups that wait for the next write, back to back as they will lie in the file. */
export class GroupBuffer {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;
  #starts: number[] = [];

  /** Bytes of the groups in it. */
  get length(): number {
    return this.#length;
  }

  /**
   * Adds a group. Its hashes and checksum are put in by `seal`.
   * @param first position of its first event
   */
  add(batch: Batch, first: number): void {
    const start = this.#length;
    this.#reserve(batch.groupBytes);
    const bytes = this.#bytes;
    let headAt = start + GROUP_HEADER_BYTES;
    let dataAt = headAt + batch.headsBytes;
    let position = first;
    for (const text of batch.texts) {
      const dataBytes = SALT_BYTES + text.dataBytes;
      putSalt(bytes, dataAt);
      bytes.write(text.data, dataAt + SALT_BYTES, 'utf8');
      writeU64(bytes, position, headAt + headField.position);
      bytes.writeUInt32LE(text.headBytes, headAt + headField.textBytes);
      bytes.writeUInt32LE(dataBytes, headAt + headField.dataBytes);
      bytes.write(text.head, headAt + headField.text, 'utf8');
      headAt += HEAD_FIXED_BYTES + text.headBytes;
      dataAt += dataBytes;
      position += 1;
    }
    this.#starts.push(start);
    this.#length = start + batch.groupBytes;
    for (; dataAt < this.#length; dataAt += 1) bytes[dataAt] = 0;
    putHeader(bytes, start, {
      length: batch.groupBytes,
      first,
      count: batch.texts.length,
      headsBytes: batch.headsBytes,
    });
  }

  /** Adds a mark: a group without events, whose `synced` says that everything before it was durable. */
  addMark(next: number): void {
    const start = this.#length;
    this.#reserve(GROUP_HEADER_BYTES);
    putHeader(this.#bytes, start, {
      length: GROUP_HEADER_BYTES,
      first: next,
      count: 0,
      headsBytes: 0,
    });
    this.#starts.push(start);
    this.#length = start + GROUP_HEADER_BYTES;
  }

  /**
   * Finishes the groups for writing.
   * @param synced offset in the file below which everything is durable
   * @param chain the chain hash before them
   * @returns the chain hash after them
   */
  seal(synced: number, chain: string): string {
    return sealGroups({ bytes: this.#bytes, length: this.#length, synced, chain });
  }

  /** The groups, for writing once they are sealed; valid until `clear`. */
  get sealed(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The bytes as they are, valid until `clear`. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Where each group begins. */
  get starts(): readonly number[] {
    return this.#starts;
  }

  clear(): void {
    this.#length = 0;
    this.#starts = [];
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

interface GroupHeader {
  readonly length: number;
  readonly first: number;
  readonly count: number;
  readonly headsBytes: number;
}

const putHeader = (bytes: Buffer, at: number, header: GroupHeader): void => {
  bytes.writeUInt32LE(GROUP_MAGIC, at + groupField.magic);
  bytes.writeUInt32LE(header.length, at + groupField.length);
  bytes.writeUInt32LE(0, at + groupField.reserved);
  writeU64(bytes, header.first, at + groupField.first);
  bytes.writeUInt32LE(header.count, at + groupField.count);
  bytes.writeUInt32LE(header.headsBytes, at + groupField.headsBytes);
};
