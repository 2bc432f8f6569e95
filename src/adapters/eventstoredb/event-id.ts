import { hash } from 'node:crypto';

/** What makes an event the one it is. */
export interface EventIdentity {
  /** Name of the stream, which holds the host's id. */
  readonly stream: string;
  /** Position in the log, which is the revision in the stream. */
  readonly position: bigint;
  readonly type: string;
  /** JSON as it is stored. */
  readonly metadata: string;
  readonly data: string;
}

/**
 * The id under which the server keeps an event: a UUID of version 8 (RFC 9562, section 5.8) made of the first 128 bits of
 *
 *     SHA-256( JSON.stringify(["shiplog event 1", stream, decimal position, type]) LF metadata LF data )
 *
 * with version and variant set. So a repeated append is known to the server as the same one and stored once, also after a
 * restart. The content is part of it on purpose: the server answers a repeated id with success and without looking at the
 * data, so with ids of host and position alone, two daemons of one host that append at the same position would both be
 * told that theirs is stored. JSON holds no raw line feed, so the parts can't run into each other.
 */
export const eventIdOf = ({ stream, position, type, metadata, data }: EventIdentity): string => {
  const head = JSON.stringify(['shiplog event 1', stream, position.toString(), type]);
  const bytes = Buffer.from(hash('sha256', `${head}\n${metadata}\n${data}`, 'hex').slice(0, 32), 'hex');
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};
