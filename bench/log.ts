import { closeSync, fdatasync, fdatasyncSync, openSync, readFileSync, write, writeSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { verifyLog } from '../src/adapters/log-file/verify.ts';
import { type Envelope, Subject } from '../src/domain/envelope.ts';
import { Timestamp } from '../src/domain/identity.ts';
import type { Log } from '../src/engine/ports/log.ts';

/**
 * What the log takes and gives on this machine's disk: `npm run bench -- log [SECONDS] [DIRECTORY]`.
 * Rates of the raw disk stand beside it, measured in the same run: the same bytes written and synced, one by one.
 */

let seconds = 2;
let folder = tmpdir();

/** As large as a typical event of ours: about 370 bytes of JSON. */
const sample = (n: number): Envelope => ({
  type: 'task.started',
  version: 1,
  subject: Subject.parse('container/default/3f2a9c1be07d'),
  data: { pid: 48_213, namespace: 'default', container: '3f2a9c1be07d', n },
  meta: {
    actor: { uid: 0, gid: 0, pid: 4711, exe: '/usr/bin/shiplog', client: 'shiplog 0.1.0' },
    time: { wall: Timestamp.parse(1_763_695_753_000_000), mono: 981_231_123, boot: '5f0c5c0e-5f7e-4a7e' },
    correlation: '01jd8kq3v5w9x7y2z4a6b8c0d1',
    causation: '48211',
  },
});

const print = (label: string, value: string): void => {
  process.stdout.write(`${label.padEnd(52)}${value.padStart(14)}\n`);
};
const rate = (count: number, ms: number): string =>
  `${Math.round((count / ms) * 1000).toLocaleString('en')}/s`;
const us = (ms: number): string => `${Math.round(ms * 1000)} µs`;

const quantile = (sorted: Float64Array, part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

const inFolder = async <T>(use: (directory: string) => Promise<T>): Promise<T> => {
  const directory = await mkdtemp(join(folder, 'shiplog-bench-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

/** Writes and syncs one record after the other into zeros written before. */
const raw = (directory: string, mode: 'blocking' | 'asynchronous', bytes: number): Promise<void> => {
  const record = Buffer.alloc(bytes, 'x');
  const room = 64 * 1024 * 1024;
  const fd = openSync(join(directory, `raw-${mode}`), 'w');
  writeSync(fd, Buffer.alloc(room));
  fdatasyncSync(fd);
  const start = performance.now();
  let count = 0;
  const over = (): boolean => performance.now() - start > seconds * 1000 || (count + 1) * bytes > room;
  const done = (): void => {
    print(`raw write + fdatasync of ${bytes} bytes, ${mode}`, rate(count, performance.now() - start));
    closeSync(fd);
  };
  if (mode === 'blocking') {
    for (; !over(); count += 1) {
      writeSync(fd, record, 0, bytes, count * bytes);
      fdatasyncSync(fd);
    }
    done();
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const one = (): void => {
      if (over()) {
        done();
        resolve();
        return;
      }
      write(fd, record, 0, bytes, count * bytes, (failed) => {
        if (failed !== null) reject(failed);
        else
          fdatasync(fd, (error) => {
            count += 1;
            if (error !== null) reject(error);
            else one();
          });
      });
    };
    one();
  });
};

const appending = async (log: Log, appenders: number): Promise<void> => {
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  const one = async (): Promise<void> => {
    for (let n = 0, now = performance.now(); now < end; n += 1) {
      await log.append([sample(n)], log.head);
      const after = performance.now();
      latencies.push(after - now);
      now = after;
    }
  };
  await Promise.all(Array.from({ length: appenders }, one));
  const took = performance.now() - start;
  const sorted = Float64Array.from(latencies).sort();
  const words = `p50 ${us(quantile(sorted, 0.5))}, p99 ${us(quantile(sorted, 0.99))}`;
  print(`${appenders} appender${appenders === 1 ? '' : 's'} (${words})`, rate(latencies.length, took));
};

const replaying = async (directory: string): Promise<void> => {
  const opening = performance.now();
  const log = await openFileLog({ directory });
  const total = Number(log.head);
  print(
    `opening a log of ${total.toLocaleString('en')} events`,
    `${Math.round(performance.now() - opening)} ms`,
  );
  for (const backward of [false, true]) {
    const start = performance.now();
    let count = 0;
    for await (const batch of log.read({ backward })) count += batch.length;
    if (count !== total) throw new Error(`read ${count} of ${total} events`);
    print(`reading ${backward ? 'backward' : 'forward'}`, rate(count, performance.now() - start));
  }
  await log.close();
  const start = performance.now();
  const verified = await verifyLog(directory);
  if (!verified.intact) throw new Error(verified.damage.what);
  print('verifying', rate(verified.events, performance.now() - start));
};

/** The floor of any replay: bytes from the page cache and JSON.parse, with nothing of a log around them. */
const bareParsing = async (directory: string): Promise<void> => {
  const text = Buffer.from(JSON.stringify(sample(1)));
  const count = 300_000;
  const start = performance.now();
  for (let n = 0; n < count; n += 1) JSON.parse(text.toString('utf8', 0, text.length));
  print(`bare JSON.parse of ${text.length} bytes`, rate(count, performance.now() - start));
  let bytes = 0;
  const reading = performance.now();
  for (const name of await readdir(directory)) bytes += readFileSync(join(directory, name)).length;
  print('bare reading', `${Math.round(bytes / 1e3 / (performance.now() - reading))} MB/s`);
};

export const main = async (args: readonly string[]): Promise<void> => {
  seconds = Number(args[0] ?? seconds);
  folder = args[1] ?? folder;
  await inFolder(async (directory) => {
    await raw(directory, 'blocking', 512);
    await raw(directory, 'asynchronous', 512);
  });
  await inFolder(async (directory) => {
    const log = await openFileLog({ directory });
    for (const appenders of [1, 16, 256]) await appending(log, appenders);
    await log.close();
    await replaying(directory);
    await bareParsing(directory);
  });
  print('resident memory at the end', `${Math.round(process.memoryUsage.rss() / 1e6)} MB`);
};
