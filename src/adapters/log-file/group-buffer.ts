import { hash, randomFillSync } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import type { Envelope } from '../../domain/envelope.ts';
import { Rejection } from '../../domain/rejection.ts';
import { LogLimits } from '../../engine/ports/log.ts';
import {
  align,
  GROUP_HEADER_BYTES,
  GROUP_MAGIC,
  groupField,
  HEAD_FIXED_BYTES,
  headField,
  SALT_BYTES,
  writeU64,
} from './format.ts';

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

/** An event as text, measured, before anything of its batch is kept. */
interface EventText {
  readonly head: string;
  readonly headBytes: number;
  readonly data: string;
  readonly dataBytes: number;
}

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
   * Adds a group.
   * @param chain the chain hash before it
   * @returns the chain hash after it
   */
  add(batch: Batch, first: number, chain: string): string {
    const start = this.#length;
    this.#reserve(batch.groupBytes);
    const bytes = this.#bytes;
    let headAt = start + GROUP_HEADER_BYTES;
    let dataAt = headAt + batch.headsBytes;
    const headsEnd = dataAt;
    let position = first;
    for (const text of batch.texts) {
      const dataBytes = SALT_BYTES + text.dataBytes;
      putSalt(bytes, dataAt);
      bytes.write(text.data, dataAt + SALT_BYTES, 'utf8');
      writeU64(bytes, position, headAt + headField.position);
      bytes.writeUInt32LE(text.headBytes, headAt + headField.textBytes);
      bytes.writeUInt32LE(dataBytes, headAt + headField.dataBytes);
      const dataHash = hash('sha256', bytes.subarray(dataAt, dataAt + dataBytes), 'binary');
      bytes.write(dataHash, headAt + headField.dataHash, 'latin1');
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
      chain,
      first,
      count: batch.texts.length,
      headsBytes: batch.headsBytes,
    });
    return hash('sha256', bytes.subarray(start + groupField.chain, headsEnd), 'binary');
  }

  /** Adds a mark: a group without events, whose `synced` says that everything before it was durable. */
  addMark(next: number, chain: string): void {
    const start = this.#length;
    this.#reserve(GROUP_HEADER_BYTES);
    putHeader(this.#bytes, start, {
      length: GROUP_HEADER_BYTES,
      chain,
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
   * @returns the bytes, valid until `clear`
   */
  seal(synced: number): Buffer {
    const bytes = this.#bytes;
    for (const at of this.#starts) {
      const end = at + bytes.readUInt32LE(at + groupField.length);
      writeU64(bytes, synced, at + groupField.synced);
      bytes.writeUInt32LE(crc32c(bytes.subarray(at + groupField.length, end)), at + groupField.crc);
    }
    return bytes.subarray(0, this.#length);
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
  readonly chain: string;
  readonly first: number;
  readonly count: number;
  readonly headsBytes: number;
}

const putHeader = (bytes: Buffer, at: number, header: GroupHeader): void => {
  bytes.writeUInt32LE(GROUP_MAGIC, at + groupField.magic);
  bytes.writeUInt32LE(header.length, at + groupField.length);
  bytes.writeUInt32LE(0, at + groupField.reserved);
  bytes.write(header.chain, at + groupField.chain, 'latin1');
  writeU64(bytes, header.first, at + groupField.first);
  bytes.writeUInt32LE(header.count, at + groupField.count);
  bytes.writeUInt32LE(header.headsBytes, at + groupField.headsBytes);
};

/** A batch as text and its sizes on disk. */
export interface Batch {
  readonly texts: readonly EventText[];
  readonly headsBytes: number;
  readonly groupBytes: number;
}

/** @throws Rejection `invalid-argument` when the batch is over a limit or isn't JSON */
export const batchOf = (events: readonly Envelope[]): Batch => {
  if (events.length < 1 || events.length > LogLimits.batchEvents) {
    throw new Rejection(
      'invalid-argument',
      `Appending a batch of ${events.length} events: a batch has 1 to ${LogLimits.batchEvents}. Split it.`,
    );
  }
  const texts = events.map(textOf);
  let headsBytes = 0;
  let dataBytes = 0;
  for (const text of texts) {
    headsBytes += HEAD_FIXED_BYTES + text.headBytes;
    dataBytes += SALT_BYTES + text.dataBytes;
  }
  const groupBytes = align(GROUP_HEADER_BYTES + headsBytes + dataBytes);
  if (groupBytes > LogLimits.batchBytes) {
    throw new Rejection(
      'invalid-argument',
      `Appending a batch of ${groupBytes} bytes: a batch has at most ${LogLimits.batchBytes}. Split it.`,
    );
  }
  return { texts, headsBytes, groupBytes };
};

const textOf = (event: Envelope): EventText => {
  const { head, data } = stringify(event);
  const headBytes = Buffer.byteLength(head);
  const dataBytes = Buffer.byteLength(data);
  if (headBytes + dataBytes > LogLimits.eventBytes) {
    throw new Rejection(
      'invalid-argument',
      `Appending ${event.type} of ${headBytes + dataBytes} bytes: an event has at most ${LogLimits.eventBytes}.`,
    );
  }
  return { head, headBytes, data, dataBytes };
};

const stringify = (event: Envelope): { readonly head: string; readonly data: string } => {
  const { type, version, subject, meta } = event;
  let data: string | undefined;
  try {
    data = JSON.stringify(event.data);
  } catch (error) {
    throw new Rejection('invalid-argument', `Appending ${type}: its data can't be written as JSON.`, {
      cause: error,
    });
  }
  if (data === undefined) throw new Rejection('invalid-argument', `Appending ${type}: it has no data.`);
  return { head: JSON.stringify({ type, version, subject, meta }), data };
};
