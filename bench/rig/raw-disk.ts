import { spawnSync } from 'node:child_process';
import { closeSync, fdatasync, fdatasyncSync, openSync, rmSync, write, writeSync } from 'node:fs';
import { join } from 'node:path';

/** What the disk gives without a log: records written and synced one by one, in events a second. */

const ROOM_BYTES = 32 * 1024 * 1024;

/** A file of zeros that are on the disk, so that writing over them changes no metadata. */
const withRoom = async (directory: string, use: (fd: number) => Promise<number>): Promise<number> => {
  const path = join(directory, 'raw');
  const fd = openSync(path, 'w');
  try {
    writeSync(fd, Buffer.alloc(ROOM_BYTES));
    fdatasyncSync(fd);
    return await use(fd);
  } finally {
    closeSync(fd);
    rmSync(path);
  }
};

/** write and fdatasync, nothing else in the process: the least that durability costs. */
export const rawBlocking = (directory: string, bytes: number, ms: number): Promise<number> =>
  withRoom(directory, (fd) => {
    const record = Buffer.alloc(bytes, 'x');
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < ms && (count + 1) * bytes <= ROOM_BYTES) {
      writeSync(fd, record, 0, bytes, count * bytes);
      fdatasyncSync(fd);
      count += 1;
    }
    return Promise.resolve((count / (performance.now() - start)) * 1000);
  });

/** The same without blocking the event loop, as a daemon has to: each call goes through the thread pool. */
export const rawAsynchronous = (directory: string, bytes: number, ms: number): Promise<number> =>
  withRoom(directory, (fd) => {
    const record = Buffer.alloc(bytes, 'x');
    const start = performance.now();
    let count = 0;
    return new Promise((resolve, reject) => {
      const one = (): void => {
        if (performance.now() - start >= ms || (count + 1) * bytes > ROOM_BYTES) {
          resolve((count / (performance.now() - start)) * 1000);
          return;
        }
        write(fd, record, 0, bytes, count * bytes, (failed) => {
          if (failed !== null) return reject(failed);
          fdatasync(fd, (error) => {
            if (error !== null) return reject(error);
            count += 1;
            one();
          });
        });
      };
      one();
    });
  });

/** SQLite with a write-ahead log that is synced at each commit, `rows` rows in a transaction. */
const SQLITE = `
import sqlite3, sys, time
path, size, rows, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
db = sqlite3.connect(path, isolation_level=None)
assert db.execute('PRAGMA journal_mode=WAL').fetchone()[0] == 'wal'
db.execute('PRAGMA synchronous=FULL')
db.execute('CREATE TABLE IF NOT EXISTS log (position INTEGER PRIMARY KEY, bytes BLOB NOT NULL)')
body, count, start = b'x' * size, 0, time.perf_counter()
while time.perf_counter() - start < seconds:
    db.execute('BEGIN')
    for _ in range(rows):
        db.execute('INSERT INTO log (bytes) VALUES (?)', (body,))
    db.execute('COMMIT')
    count += rows
print(count / (time.perf_counter() - start))
`;

/** By Python's own sqlite3, whose part in it is a few microseconds a row. */
export const sqlite = (directory: string, bytes: number, rows: number, ms: number): number => {
  const path = join(directory, 'rows.sqlite');
  const args = ['-c', SQLITE, path, String(bytes), String(rows), String(ms / 1000)];
  const { status, stdout, stderr } = spawnSync('python3', args, { encoding: 'utf8' });
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  if (status !== 0) throw new Error(`python3 with sqlite3 is needed: ${stderr}`);
  return Number(stdout);
};
