import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';
import type { Checkpoints } from '../../engine/ports/checkpoints.ts';
import type { Log } from '../../engine/ports/log.ts';
import { SliceCheck, type SliceReport } from '../../slice/check.ts';
import { unpackSlice } from '../../slice/file.ts';
import type { Manifest, SlicePart } from '../../slice/format.ts';
import { TlogError } from '../../tlog/error.ts';
import { parseVerifier } from '../../tlog/key.ts';
import { sliceCheckpoints } from './slice-checkpoints.ts';
import { sliceLog } from './slice-log.ts';

/** A slice that was checked and may be asked. */
export interface OpenSlice {
  readonly log: Log;
  /** The state before the first event. */
  readonly checkpoints: Checkpoints;
  readonly manifest: Manifest;
  /** What whoever asks it should know. */
  readonly notes: readonly string[];
}

/** Bytes that a slice may take when it is unpacked. */
const MAX_BYTES = 64 * 1024 ** 3;

/**
 * Opens a slice: checks all of it and unpacks it, so that any of its events can be read.
 * @param scratch a folder of its own, which the caller removes
 * @param keys public keys that may have signed; with none, only hashes are checked
 * @throws Rejection `data-loss` where it is not sound, `invalid-argument` for what is no slice or no key,
 *   `failed-precondition` where the state before its first event was left out; errors of the file system as they are
 */
export const openSlice = async (
  path: string,
  scratch: string,
  keys: readonly string[],
): Promise<OpenSlice> => {
  const check = new SliceCheck({ verifiers: keys.map(verifierOf), kept: [] });
  const parts: string[] = [];
  const report = await checked(check, unpackSlice(path), async (part) => {
    parts.push(part.path);
    const file = join(scratch, part.path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, part.bytes, { mode: 0o600 });
  });
  const { verdict, message, manifest, notes } = report;
  if (verdict === 'unreadable' || manifest === undefined) {
    throw new Rejection('invalid-argument', `opening ${path}: ${message}`);
  }
  if (verdict === 'unsound') {
    throw new Rejection(
      'data-loss',
      `opening ${path}: it is not sound: ${message}; 'shiplog-verify' checks it too`,
    );
  }
  if (manifest.state === 'left-out') {
    throw new Rejection(
      'failed-precondition',
      `opening ${path}: the state before its first event was left out when it was made; 'shiplog-verify' can check it`,
    );
  }
  const files = (folder: string) =>
    parts.filter((one) => one.startsWith(folder)).map((one) => join(scratch, one));
  return {
    log: sliceLog(manifest, files('events/')),
    checkpoints: sliceCheckpoints(manifest, files('state/')),
    manifest,
    notes,
  };
};

/** Reads all of it, and hands on each part that was right. */
const checked = async (
  check: SliceCheck,
  parts: AsyncIterable<SlicePart>,
  keep: (part: SlicePart) => Promise<void>,
): Promise<SliceReport> => {
  let bytes = 0;
  try {
    for await (const part of parts) {
      bytes += part.bytes.length;
      if (bytes > MAX_BYTES) throw new TlogError(`it unpacks to more than ${MAX_BYTES} bytes`);
      check.take(part);
      if (check.failed) break;
      await keep(part);
    }
  } catch (error) {
    return check.report(error);
  }
  return check.report();
};

const verifierOf = (vkey: string) => {
  try {
    return parseVerifier(vkey);
  } catch (error) {
    if (!(error instanceof TlogError)) throw error;
    throw new Rejection('invalid-argument', `--key: ${error.message}`, { cause: error });
  }
};
