import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { Rejection } from '../../domain/rejection.ts';

/** Node 20 has no zstd of its own, so the program is called. */

/** What the program may say before it is cut off. */
const WORDS = 4096;

/** @param onBytes told of standard output, which is thrown away otherwise */
const zstd = (args: readonly string[], onBytes?: (bytes: Buffer) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('zstd', ['-q', ...args], { stdio: ['ignore', onBytes ? 'pipe' : 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(0, WORDS);
    });
    if (onBytes) child.stdout?.on('data', onBytes);
    child.once('error', (error) => {
      const why = `archiving the log: zstd could not be started (${error.message}); install it`;
      reject(new Rejection('failed-precondition', why, { cause: error }));
    });
    child.once('close', (code, signal) => {
      if (code === 0) return resolve();
      const words = said.trim() || `it ended with ${signal ?? `code ${code}`}`;
      const full = /no space left|quota/i.test(words);
      reject(new Rejection(full ? 'resource-exhausted' : 'unavailable', `archiving the log: zstd: ${words}`));
    });
  });

/** Compresses a file into another one, which is replaced. */
export const compress = (from: string, to: string): Promise<void> => zstd(['-f', '-6', '-o', to, '--', from]);

/** SHA-256 of what a compressed file holds, hexadecimal, with its size. */
export const hashInside = async (path: string): Promise<{ sha256: string; bytes: number }> => {
  const hash = createHash('sha256');
  let bytes = 0;
  await zstd(['-d', '-c', '--', path], (chunk) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  return { sha256: hash.digest('hex'), bytes };
};

/** Uncompresses a file into another one, which is replaced. */
export const uncompress = (from: string, to: string): Promise<void> =>
  zstd(['-d', '-f', '-o', to, '--', from]);
