import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import { readAll, upTo } from '../support/log-events.ts';
import { acknowledged, bundleLogChild, runLines } from '../support/log-processes.ts';

/** strace must be there and allowed to trace. */
const traceable = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

/** What a writer does to its files; more than one name where the C library has a choice. */
const calls = ['openat', 'pwrite64', 'fsync', 'fdatasync', 'ftruncate', 'rename', 'renameat', 'renameat2'];
/** A segment is full after two or three appends, so that rotations are among the calls. */
const SEGMENT_BYTES = '2500';
const APPENDS = '7';

/** One call of the writer, by its number among those of its name that one thread makes on the log's files. */
interface Call {
  readonly name: string;
  readonly number: number;
}

/** Names of the files that the writer will touch: the same in every run, since one writer appends the same bytes. */
const filesOf = (directory: string, names: readonly string[]): string[] => [
  '-P',
  directory,
  ...names.flatMap((name) => ['-P', join(directory, name)]),
];

describe.skipIf(!traceable)(
  `a writer stopped at each of its calls${traceable ? '' : ' (skipped: needs strace and leave to trace)'}`,
  () => {
    let bundle = '';
    let folder = '';
    let names: readonly string[] = [];
    let seen: readonly Call[] = [];

    const run = async (label: string, trace: readonly string[]) => {
      const directory = join(folder, label);
      await mkdir(directory);
      // strace counts for each thread, so one thread makes the calls.
      const alone = ['-E', 'UV_THREADPOOL_SIZE=1'];
      const strace = [
        'strace',
        '-f',
        '-qq',
        '--seccomp-bpf',
        ...alone,
        ...trace,
        ...filesOf(directory, names),
      ];
      const child = [process.execPath, bundle, directory, SEGMENT_BYTES, '1', APPENDS];
      return { directory, ...(await runLines([...strace, ...child])) };
    };

    beforeAll(async () => {
      const inside = join(import.meta.dirname, '../../node_modules/.cache');
      await mkdir(inside, { recursive: true });
      folder = await mkdtemp(join(inside, 'shiplog-log-'));
      bundle = await bundleLogChild(folder);
      // Twice without a fault: which files there are, then which calls are made on them.
      const plain = join(folder, 'plain');
      await runLines([process.execPath, bundle, plain, SEGMENT_BYTES, '1', APPENDS]);
      names = (await readdir(plain)).flatMap((name) => [name, `${name}.tmp`]);
      const output = join(folder, 'calls');
      await run('calls-run', ['-o', output, '-e', `trace=${calls.join(',')}`]);
      const counts = new Map<string, number>();
      for (const line of (await readFile(output, 'utf8')).split('\n')) {
        const [, thread, name] = /^(\d+)\s+(\w+)\(/.exec(line) ?? [];
        if (name !== undefined) counts.set(`${name} ${thread}`, (counts.get(`${name} ${thread}`) ?? 0) + 1);
      }
      seen = calls.flatMap((name) => {
        const most = Math.max(
          0,
          ...[...counts].flatMap(([key, n]) => (key.startsWith(`${name} `) ? [n] : [])),
        );
        return upTo(most).map((n) => ({ name, number: n + 1 }));
      });
    }, 60_000);
    afterAll(() => rm(folder, { recursive: true, force: true }));

    /** After whatever was done to it: all that was acknowledged, then whole batches, then nothing. */
    const check = async (directory: string, lines: readonly string[]): Promise<void> => {
      const log = await openFileLog({ directory });
      const all = await readAll(log);
      await log.close();
      expect(all.length).toBeGreaterThanOrEqual(acknowledged(lines));
      expect(all.map(({ data }) => data)).toEqual(upTo(all.length).map((n) => ({ n })));
      expect(await verifyLog(directory)).toMatchObject({ intact: true, events: all.length });
    };

    it('makes every kind of call there is a fault for', () => {
      const made = new Set(seen.map(({ name }) => name));
      expect([...made].sort()).toEqual(expect.arrayContaining(['fsync', 'ftruncate', 'openat', 'pwrite64']));
      expect([...made].some((name) => name.startsWith('rename'))).toBe(true);
      expect(seen.length).toBeGreaterThan(40);
    });

    it('killed there, leaves all that it had acknowledged', async () => {
      await eachOf(seen, async ({ name, number }) => {
        const inject = `inject=${name}:signal=KILL:when=${number}`;
        const { directory, lines } = await run(`kill-${name}-${number}`, ['-o', '/dev/null', '-e', inject]);
        expect(lines.at(-1)?.startsWith('closed') ?? false).toBe(false);
        await check(directory, lines);
      });
    }, 240_000);

    it.each([
      ['EIO', calls],
      ['ENOSPC', ['pwrite64', 'openat']],
    ] as const)(
      'told of %s there, loses nothing that it had acknowledged',
      async (error, failing) => {
        const faults = seen.filter(({ name }) => (failing as readonly string[]).includes(name));
        await eachOf(faults, async ({ name, number }) => {
          const inject = `inject=${name}:error=${error}:when=${number}`;
          const { directory, lines } = await run(`${error}-${name}-${number}`, [
            '-o',
            '/dev/null',
            '-e',
            inject,
          ]);
          await check(directory, lines);
        });
      },
      240_000,
    );
  },
);

/** Two at a time; says which one it was. */
const eachOf = async (faults: readonly Call[], one: (fault: Call) => Promise<void>): Promise<void> => {
  const left = [...faults];
  const work = async (): Promise<void> => {
    for (let fault = left.shift(); fault !== undefined; fault = left.shift()) {
      try {
        await one(fault);
      } catch (cause) {
        throw new Error(`at ${fault.name} number ${fault.number}`, { cause });
      }
    }
  };
  await Promise.all([work(), work()]);
};
