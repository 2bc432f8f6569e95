import { LayerError } from './layer-error.ts';

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;

/** Keyword (latin1) to value, both as bytes: values of extended attributes are binary and may hold anything. */
export type PaxRecords = ReadonlyMap<string, Buffer>;

const lengthAt = (bytes: Buffer, start: number): { length: number; after: number } => {
  const space = bytes.indexOf(SPACE, start);
  const digits = space < 0 || space - start > 8 ? '' : bytes.toString('latin1', start, space);
  if (!/^[1-9]\d*$/.test(digits)) throw new LayerError('a pax record does not begin with its length');
  return { length: Number(digits), after: space + 1 };
};

/**
 * Records `LENGTH KEYWORD=VALUE\n` (pax(1), "Extended Header File Format"), where LENGTH counts all of it. The last of
 * several with one keyword holds.
 * @throws LayerError
 */
export const parsePaxRecords = (bytes: Buffer): PaxRecords => {
  const records = new Map<string, Buffer>();
  let start = 0;
  while (start < bytes.length) {
    // some writers pad the header with NULs
    if (bytes[start] === 0) break;
    const { length, after } = lengthAt(bytes, start);
    const end = start + length;
    const equals = bytes.indexOf(EQUALS, after);
    if (end > bytes.length || equals < 0 || equals >= end || bytes[end - 1] !== NEWLINE) {
      throw new LayerError('a pax record is longer or shorter than it says');
    }
    const keyword = bytes.toString('latin1', after, equals);
    if (keyword === '' || keyword.includes('\0')) throw new LayerError('a pax record has no proper keyword');
    // copied: the bytes around it are used again for the next part of the archive
    records.set(keyword, Buffer.from(bytes.subarray(equals + 1, end - 1)));
    start = end;
  }
  return records;
};
