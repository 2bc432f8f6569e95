import { z } from 'zod';
import { position } from '../../domain/identity.ts';
import type { CheckpointHeader } from '../../engine/ports/checkpoints.ts';

/**
 * A checkpoint as a file, `<position, 20 digits>.checkpoint`:
 *
 *     "SHIPLOGC", version and length of the header (uint32 LE each), the header as JSON,
 *     the lines, joined by line breaks and deflated (RFC 1951), the SHA-256 of all that
 */

const MAGIC = Buffer.from('SHIPLOGC', 'latin1');
const VERSION = 1;
export const PREFIX_BYTES = 16;
export const HASH_BYTES = 32;
/** Schema and last event are some kilobytes. */
const MAX_HEADER_BYTES = 1024 * 1024;

const FILE_NAME = /^(\d{20})\.checkpoint$/;
export const fileName = (at: bigint): string => `${String(at).padStart(20, '0')}.checkpoint`;
/** The position that a file is named by; undefined where it is no checkpoint. */
export const positionIn = (name: string) => {
  const digits = FILE_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : position(BigInt(digits));
};

const Header = z.object({
  position: z
    .string()
    .regex(/^\d{1,20}$/)
    .transform((digits) => position(BigInt(digits))),
  schema: z.string(),
  last: z.string(),
});

export const encodeHeader = ({ position: at, schema, last }: CheckpointHeader): Buffer => {
  const text = Buffer.from(JSON.stringify({ position: String(at), schema, last }));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  MAGIC.copy(prefix);
  prefix.writeUInt32LE(VERSION, 8);
  prefix.writeUInt32LE(text.length, 12);
  return Buffer.concat([prefix, text]);
};

/** @returns bytes of the header's text, or what is wrong */
export const headerLength = (prefix: Buffer): number | string => {
  if (prefix.length < PREFIX_BYTES || !prefix.subarray(0, 8).equals(MAGIC)) return 'it is no checkpoint';
  const version = prefix.readUInt32LE(8);
  if (version !== VERSION) return `it has format version ${version}, this program knows ${VERSION}`;
  const length = prefix.readUInt32LE(12);
  return length > MAX_HEADER_BYTES ? `a header of ${length} bytes is too long` : length;
};

/** @throws Error for text that is no header */
export const decodeHeader = (text: string): CheckpointHeader => Header.parse(JSON.parse(text));
