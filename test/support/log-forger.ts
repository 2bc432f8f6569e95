import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { groupField, headField, SEGMENT_HEADER_BYTES } from '../../src/adapters/log-file/format.ts';
import { checkGroup, countOf, firstOf, placesOf } from '../../src/adapters/log-file/group.ts';

/**
 * An attacker who may write every file of a stopped log and knows its format: after each forgery checksums, hashes and the
 * chain are right again, so that only what was signed can tell.
 */

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

const segmentsOf = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.segment'))
    .sort()
    .map((name) => join(directory, name));

const groupsOf = (bytes: Buffer): number[] => {
  const groups: number[] = [];
  for (let at = SEGMENT_HEADER_BYTES; ; ) {
    const length = checkGroup(bytes, at, bytes.length);
    if (typeof length !== 'number') return groups;
    groups.push(at);
    at += length;
  }
};

/** Makes the chain and all checksums right again. */
const reseal = (directory: string): void => {
  let chain: Buffer = Buffer.alloc(32);
  for (const path of segmentsOf(directory)) {
    const bytes = readFileSync(path);
    chain.copy(bytes, 40);
    const groups: number[] = [];
    for (let at = SEGMENT_HEADER_BYTES; at + 72 <= bytes.length && bytes.readUInt32LE(at) !== 0; ) {
      groups.push(at);
      at += bytes.readUInt32LE(at + groupField.length);
    }
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, 124)), 124);
    for (const at of groups) {
      chain.copy(bytes, at + groupField.chain);
      const headsEnd = at + 72 + bytes.readUInt32LE(at + groupField.headsBytes);
      if (countOf(bytes, at) > 0) chain = sha256(bytes.subarray(at + groupField.chain, headsEnd));
      const end = at + bytes.readUInt32LE(at + groupField.length);
      bytes.writeUInt32LE(crc32c(bytes.subarray(at + groupField.length, end)), at + groupField.crc);
    }
    writeFileSync(path, bytes);
  }
};

/** Changes the data of an event. @param from text in it; the other must be as long */
export const forgeEvent = (directory: string, position: number, from: string, to: string): void => {
  for (const path of segmentsOf(directory)) {
    const bytes = readFileSync(path);
    for (const at of groupsOf(bytes)) {
      for (const place of placesOf(bytes, at)) {
        if (place.position !== position) continue;
        const data = bytes.subarray(place.dataAt, place.dataEnd);
        const found = data.indexOf(from);
        if (found === -1 || from.length !== to.length)
          throw new Error(`event ${position} can't be forged so`);
        data.write(to, found);
        sha256(data).copy(bytes, place.headAt + headField.dataHash);
        writeFileSync(path, bytes);
        reseal(directory);
        return;
      }
    }
  }
  throw new Error(`there is no event ${position}`);
};

/** Makes the log end before the group that holds an event. @returns the number of events that are left */
export const cutLog = (directory: string, position: number): number => {
  let left = -1;
  for (const path of segmentsOf(directory)) {
    if (left !== -1) {
      rmSync(path);
      continue;
    }
    const bytes = readFileSync(path);
    const at = groupsOf(bytes).find((group) => firstOf(bytes, group) + countOf(bytes, group) > position);
    if (at === undefined) continue;
    left = firstOf(bytes, at);
    writeFileSync(path, bytes.fill(0, at));
  }
  return left;
};
