import { crc32, crc32c } from '@node-rs/crc32';
import { readU64, writeU64 } from '../format.ts';
import type { Binding } from './sidecar-format.ts';
import type { Field } from './terms.ts';

/**
 * The bytes of `<base>.blooms`: Bloom filters of up to {@link COLUMNS} sealed segments, side by side;
 * docs/adr/0048-filters-over-segments.md has them as a table. Integers are little-endian. A term belongs to one row, a row
 * has a cell for each segment, and a row has its own CRC-32C: one read tells for one term and all segments.
 */

const VERSION = 1;
const MAGIC = 'SHIPBLM\n';
const headerAt = { version: 8, count: 12, logId: 16, columns: 32 } as const;
/** Segments in one file. Each that is added has the file written again. */
export const COLUMNS = 64;
const COLUMN_BYTES = 16;
const HEADER_CRC = headerAt.columns + COLUMNS * COLUMN_BYTES;
export const BLOOMS_HEADER_BYTES = HEADER_CRC + 8;

const ROWS = 1024;
/** 128 KiB for each segment: one of 64 MiB has some 90,000 terms, and half in a hundred of others seem to be there. */
const CELL_BYTES = 128;
const CRC_BYTES = 4;

/** Fields with terms that most segments don't have. */
const bloomed: readonly Field[] = ['subject', 'correlation', 'cause'];
export const isBloomed = (field: Field): boolean => bloomed.includes(field);
export const bloomedFields = bloomed;

/** Where a term is looked for: its row, and the bits that it sets in a cell. */
export interface BloomKey {
  readonly row: number;
  readonly bits: readonly number[];
}

const LOW_TEN = 0x3ff;
/** Ten bits of two checksums for the row, and for each of the bits in a cell. */
export const bloomKey = (field: Field, term: string): BloomKey => {
  const text = `${field}/${term}`;
  const [one, other] = [crc32c(text), crc32(text)];
  const bits = [one >>> 10, one >>> 20, other, other >>> 10, other >>> 20].map((part) => part & LOW_TEN);
  return { row: one & LOW_TEN, bits };
};

/** What one segment has. */
export interface Column extends Pick<Binding, 'base' | 'segmentBytes'> {
  /** Its cells, one row after the other. */
  readonly cells: Buffer;
}

export const emptyCells = (): Buffer => Buffer.alloc(ROWS * CELL_BYTES);

export const addKey = (cells: Buffer, { row, bits }: BloomKey): void => {
  for (const bit of bits) {
    const at = row * CELL_BYTES + (bit >>> 3);
    cells[at] = (cells[at] ?? 0) | (1 << (bit & 7));
  }
};

/** What a file says that it holds. */
export interface BloomsHeader {
  readonly logId: string;
  readonly columns: readonly Pick<Binding, 'base' | 'segmentBytes'>[];
}

const rowBytes = (columns: number): number => columns * CELL_BYTES + CRC_BYTES;

/** Where a row is in the file. */
export const rowPlace = ({ columns }: BloomsHeader, row: number): { at: number; bytes: number } => {
  const bytes = rowBytes(columns.length);
  return { at: BLOOMS_HEADER_BYTES + row * bytes, bytes };
};

/** @param columns {@link COLUMNS} at most */
export const encodeBlooms = (logId: string, columns: readonly Column[]): Buffer => {
  const row = rowBytes(columns.length);
  const bytes = Buffer.alloc(BLOOMS_HEADER_BYTES + ROWS * row);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(VERSION, headerAt.version);
  bytes.writeUInt32LE(columns.length, headerAt.count);
  bytes.write(logId, headerAt.logId, 'hex');
  columns.forEach(({ base, segmentBytes }, number) => {
    writeU64(bytes, base, headerAt.columns + number * COLUMN_BYTES);
    writeU64(bytes, segmentBytes, headerAt.columns + number * COLUMN_BYTES + 8);
  });
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, HEADER_CRC)), HEADER_CRC);
  for (let number = 0; number < ROWS; number += 1) {
    const at = BLOOMS_HEADER_BYTES + number * row;
    columns.forEach(({ cells }, column) => {
      cells.copy(bytes, at + column * CELL_BYTES, number * CELL_BYTES, (number + 1) * CELL_BYTES);
    });
    bytes.writeUInt32LE(crc32c(bytes.subarray(at, at + row - CRC_BYTES)), at + row - CRC_BYTES);
  }
  return bytes;
};

/** @returns undefined where it is damaged, or of another version */
export const decodeBloomsHeader = (bytes: Buffer): BloomsHeader | undefined => {
  if (bytes.length < BLOOMS_HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return undefined;
  if (bytes.readUInt32LE(headerAt.version) !== VERSION) return undefined;
  if (crc32c(bytes.subarray(0, HEADER_CRC)) !== bytes.readUInt32LE(HEADER_CRC)) return undefined;
  const columns = Array.from({ length: bytes.readUInt32LE(headerAt.count) }, (_, number) => {
    const at = headerAt.columns + number * COLUMN_BYTES;
    return { base: readU64(bytes, at), segmentBytes: readU64(bytes, at + 8) };
  });
  return { logId: bytes.toString('hex', headerAt.logId, headerAt.logId + 16), columns };
};

/** Whether a row's checksum holds. */
export const rowHolds = (row: Buffer): boolean =>
  row.length >= CRC_BYTES &&
  crc32c(row.subarray(0, row.length - CRC_BYTES)) === row.readUInt32LE(row.length - CRC_BYTES);

/** Whether the segment of a column may have a term. False means that it has not. */
export const cellHas = (row: Buffer, column: number, { bits }: BloomKey): boolean =>
  bits.every((bit) => ((row[column * CELL_BYTES + (bit >>> 3)] ?? 0xff) & (1 << (bit & 7))) !== 0);

/** The columns of a whole file. @returns undefined where any part of it is damaged */
export const decodeColumns = (bytes: Buffer): readonly Column[] | undefined => {
  const header = decodeBloomsHeader(bytes);
  if (header === undefined) return undefined;
  const columns = header.columns.map((column) => ({ ...column, cells: emptyCells() }));
  for (let number = 0; number < ROWS; number += 1) {
    const { at, bytes: length } = rowPlace(header, number);
    const row = bytes.subarray(at, at + length);
    if (row.length < length || !rowHolds(row)) return undefined;
    columns.forEach(({ cells }, column) => {
      row.copy(cells, number * CELL_BYTES, column * CELL_BYTES, (column + 1) * CELL_BYTES);
    });
  }
  return columns;
};
