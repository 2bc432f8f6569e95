/** How layers and archives are compressed. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** Bytes that {@link compressionOf} looks at. */
export const magicBytes = 4;

/**
 * How bytes are compressed, by their first ones: names and media types are wrong too often.
 * gzip: RFC 1952, section 2.3.1; zstd: RFC 8878, sections 3.1.1 and 3.1.2 (a stream may begin with a skippable frame).
 */
export const compressionOf = (head: Uint8Array): Compression => {
  const [a = 0, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  const zstd = a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd;
  const skippable = (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18;
  return zstd || skippable ? 'zstd' : 'none';
};
