import { hash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { GROUP_HEADER_BYTES, groupField, HEAD_FIXED_BYTES, headField, writeU64 } from './format.ts';

/** What groups need to be finished: hashes, the chain and checksums over bytes that are in their places already. */
export interface Sealing {
  /** Groups back to back, from offset 0. */
  readonly bytes: Buffer;
  /** Where they end. */
  readonly length: number;
  /** Offset in the file below which everything is durable. */
  readonly synced: number;
  /** Chain hash before the first of them. */
  readonly chain: string;
}

/** Finishes groups in place. @returns the chain hash after the last of them */
export const sealGroups = ({ bytes, length, synced, chain }: Sealing): string => {
  let before = chain;
  for (let at = 0; at < length; ) {
    const end = at + bytes.readUInt32LE(at + groupField.length);
    writeU64(bytes, synced, at + groupField.synced);
    bytes.write(before, at + groupField.chain, 'latin1');
    const headsEnd = sealHeads(bytes, at);
    if (headsEnd > at + GROUP_HEADER_BYTES) {
      before = hash('sha256', bytes.subarray(at + groupField.chain, headsEnd), 'binary');
    }
    bytes.writeUInt32LE(crc32c(bytes.subarray(at + groupField.length, end)), at + groupField.crc);
    at = end;
  }
  return before;
};

/** Puts the hash of its data into each head of a group. @returns where the heads end */
const sealHeads = (bytes: Buffer, at: number): number => {
  const headsEnd = at + GROUP_HEADER_BYTES + bytes.readUInt32LE(at + groupField.headsBytes);
  let dataAt = headsEnd;
  for (let headAt = at + GROUP_HEADER_BYTES; headAt < headsEnd; ) {
    const dataEnd = dataAt + bytes.readUInt32LE(headAt + headField.dataBytes);
    bytes.write(
      hash('sha256', bytes.subarray(dataAt, dataEnd), 'binary'),
      headAt + headField.dataHash,
      'latin1',
    );
    dataAt = dataEnd;
    headAt += HEAD_FIXED_BYTES + bytes.readUInt32LE(headAt + headField.textBytes);
  }
  return headsEnd;
};
