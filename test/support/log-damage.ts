import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileLogOptions, openFileLog } from '../../src/adapters/log-file/file-log.ts';
import type { Recorded } from '../../src/domain/envelope.ts';
import { readAll } from './log-events.ts';

/** Paths of the segments of a log, in order. */
export const segmentsOf = async (directory: string): Promise<string[]> =>
  (await readdir(directory))
    .filter((name) => name.endsWith('.segment'))
    .sort()
    .map((name) => join(directory, name));

/** The bytes of a segment up to the last one that is not zero, and that offset. */
export const written = async (path: string): Promise<{ bytes: Buffer; end: number }> => {
  const bytes = await readFile(path);
  return { bytes, end: bytes.findLastIndex((byte) => byte !== 0) + 1 };
};

/** Where groups begin, found by their magic. */
export const groupStarts = (bytes: Buffer): number[] => {
  const starts: number[] = [];
  const magic = Buffer.from([0xf5, 0x53, 0x47, 0x31]);
  for (let at = bytes.indexOf(magic); at !== -1; at = bytes.indexOf(magic, at + 1)) starts.push(at);
  return starts;
};

/** Changes a byte of a file in place. */
export const flip = async (path: string, offset: number, mask = 0xff): Promise<void> => {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, offset);
    byte[0] = (byte[0] ?? 0) ^ mask;
    await file.write(byte, 0, 1, offset);
  } finally {
    await file.close();
  }
};

/** Opens a log, reads all of it and closes it again. */
export const openAndRead = async (options: FileLogOptions): Promise<Recorded[]> => {
  const log = await openFileLog(options);
  try {
    return await readAll(log);
  } finally {
    await log.close();
  }
};
