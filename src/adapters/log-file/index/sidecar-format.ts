import { crc32c } from '@node-rs/crc32';
import { readU64, writeU64 } from '../format.ts';
import { fields } from './terms.ts';

/**
 * The bytes of a sidecar, `<base>.index` beside a sealed segment; docs/adr/0017-log-index.md has them as a table. Integers
 * are little-endian. Every part is read by itself and carries its own CRC-32C, so that a query reads a few kilobytes.
 */

export const SIDECAR_VERSION = 1;
const MAGIC = 'SHIPIDX\n';
const headerAt = {
  version: 8,
  logId: 16,
  base: 32,
  segmentBytes: 40,
  events: 48,
  since: 56,
  until: 64,
  tableAt: 72,
  timesAt: 76,
  timesCrc: 80,
  /** One {@link Section} for each field, 16 bytes each. */
  sections: 88,
} as const;
const SECTION_BYTES = 16;
const HEADER_CRC = headerAt.sections + fields.length * SECTION_BYTES;
export const SIDECAR_HEADER_BYTES = HEADER_CRC + 8;

/** Events in one page of the table of offsets: 4 bytes each, then a CRC, make 4096 bytes. */
export const PAGE_EVENTS = 1023;
export const PAGE_BYTES = 4096;
/** The earliest and the latest wall time of a page's events, as doubles. */
export const PAGE_TIMES_BYTES = 16;

/** Where the table of blocks of one field's terms is: for each block where it begins and with which term. */
export interface Section {
  readonly at: number;
  readonly bytes: number;
  readonly blocks: number;
  readonly crc: number;
}

/** What a sidecar is bound to; one that says otherwise is of another segment, or of what that was before. */
export interface Binding {
  readonly logId: string;
  /** Position of the segment's first event. */
  readonly base: number;
  readonly segmentBytes: number;
}

export interface SidecarHeader extends Binding {
  readonly events: number;
  /** The earliest and the latest wall time of an event, in microseconds. */
  readonly since: number;
  readonly until: number;
  readonly tableAt: number;
  readonly timesAt: number;
  readonly timesCrc: number;
  /** In the order of {@link fields}. */
  readonly sections: readonly Section[];
}

export const isBoundTo = (header: Binding, { logId, base, segmentBytes }: Binding): boolean =>
  header.logId === logId && header.base === base && header.segmentBytes === segmentBytes;

export const pagesOf = (events: number): number => Math.ceil(events / PAGE_EVENTS);

export const encodeSidecarHeader = (header: SidecarHeader): Buffer => {
  const bytes = Buffer.alloc(SIDECAR_HEADER_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt32LE(SIDECAR_VERSION, headerAt.version);
  bytes.write(header.logId, headerAt.logId, 'hex');
  writeU64(bytes, header.base, headerAt.base);
  writeU64(bytes, header.segmentBytes, headerAt.segmentBytes);
  bytes.writeUInt32LE(header.events, headerAt.events);
  bytes.writeDoubleLE(header.since, headerAt.since);
  bytes.writeDoubleLE(header.until, headerAt.until);
  bytes.writeUInt32LE(header.tableAt, headerAt.tableAt);
  bytes.writeUInt32LE(header.timesAt, headerAt.timesAt);
  bytes.writeUInt32LE(header.timesCrc, headerAt.timesCrc);
  header.sections.forEach((section, number) => {
    const at = headerAt.sections + number * SECTION_BYTES;
    bytes.writeUInt32LE(section.at, at);
    bytes.writeUInt32LE(section.bytes, at + 4);
    bytes.writeUInt32LE(section.blocks, at + 8);
    bytes.writeUInt32LE(section.crc, at + 12);
  });
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, HEADER_CRC)), HEADER_CRC);
  return bytes;
};

/** @returns the header; undefined where it is damaged, or of another version */
export const decodeSidecarHeader = (bytes: Buffer): SidecarHeader | undefined => {
  if (bytes.length < SIDECAR_HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return undefined;
  if (bytes.readUInt32LE(headerAt.version) !== SIDECAR_VERSION) return undefined;
  if (crc32c(bytes.subarray(0, HEADER_CRC)) !== bytes.readUInt32LE(HEADER_CRC)) return undefined;
  const logId = bytes.toString('hex', headerAt.logId, headerAt.logId + 16);
  const base = readU64(bytes, headerAt.base);
  const segmentBytes = readU64(bytes, headerAt.segmentBytes);
  return {
    logId,
    base,
    segmentBytes,
    events: bytes.readUInt32LE(headerAt.events),
    since: bytes.readDoubleLE(headerAt.since),
    until: bytes.readDoubleLE(headerAt.until),
    tableAt: bytes.readUInt32LE(headerAt.tableAt),
    timesAt: bytes.readUInt32LE(headerAt.timesAt),
    timesCrc: bytes.readUInt32LE(headerAt.timesCrc),
    sections: fields.map((_, number) => {
      const at = headerAt.sections + number * SECTION_BYTES;
      return {
        at: bytes.readUInt32LE(at),
        bytes: bytes.readUInt32LE(at + 4),
        blocks: bytes.readUInt32LE(at + 8),
        crc: bytes.readUInt32LE(at + 12),
      };
    }),
  };
};
