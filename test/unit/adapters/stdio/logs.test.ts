import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatEntries, formatTime, parseEntry } from '../../../../src/adapters/stdio/cri-format.ts';
import { createContainerLogs } from '../../../../src/adapters/stdio/log-reader.ts';
import { LogWriter } from '../../../../src/adapters/stdio/log-writer.ts';
import type { ReadLogs } from '../../../../src/engine/ports/stdio.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const output = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constant(Buffer.from('\n')),
      fc.constantFrom(16_383, 16_384, 16_385, 40_000).map((size) => Buffer.alloc(size, 120)),
    ),
    {
      maxLength: 20,
    },
  )
  .map((parts) => parts.map((part) => Buffer.from(part)));

describe('the format of container logs', () => {
  it('is that of the container runtime interface', () => {
    const { bytes, ends } = formatEntries('stderr', Buffer.from('one\ntwo'), 1767323045_123456);
    const whole = '2026-01-02T03:04:05.123456000Z stderr F one\n';
    expect(bytes.toString()).toBe(`${whole}2026-01-02T03:04:05.123456000Z stderr P two\n`);
    expect(ends).toEqual([whole.length, bytes.length]);
    expect(formatTime(0)).toBe('1970-01-01T00:00:00.000000000Z');
  });
  it('may have the time of a zone, as conmon writes it', () => {
    expect(parseEntry(Buffer.from('2026-01-02T04:04:05.123456789+01:00 stderr P two'))).toEqual({
      time: 1767323045_123456,
      stream: 'stderr',
      full: false,
      text: Buffer.from('two'),
    });
  });
  it.each([
    '',
    'x',
    '2026-01-02T03:04:05.123456789Z stdout X a',
    '2026-13-02T03:04:05.123456789Z stdout F a',
  ])('takes no %j for an entry', (line) => {
    expect(parseEntry(Buffer.from(line))).toBeUndefined();
  });
});

describe('container logs', () => {
  let temp: ReturnType<typeof makeTempDir>;
  let path: string;
  const logs = createContainerLogs();
  beforeEach(() => {
    temp = makeTempDir('logs');
    path = join(temp.path, 'c/log');
  });
  afterEach(() => temp.remove());
  const write = (text: string | Buffer, maxBytes = 1 << 20, maxFiles = 5): void => {
    const writer = new LogWriter({ path, maxBytes, maxFiles });
    writer.write('stdout', Buffer.from(text));
    writer.close();
  };
  const read = async (options: Partial<ReadLogs> = {}): Promise<string> => {
    const parts: Uint8Array[] = [];
    for await (const entry of logs.read(path, { follow: false, ...options })) parts.push(entry.bytes);
    return Buffer.concat(parts).toString('latin1');
  };
  const lines = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_none, i) => `line ${from + i}\n`).join('');

  it('give back every byte, in order, through rotations', { timeout: 60_000 }, async () => {
    let round = 0;
    await fc.assert(
      fc.asyncProperty(output, async (chunks) => {
        path = join(temp.path, `r${round++}/log`);
        const writer = new LogWriter({ path, maxBytes: 60_000, maxFiles: 99 });
        for (const chunk of chunks) writer.write('stdout', chunk);
        writer.close();
        expect(await read()).toBe(Buffer.concat(chunks).toString('latin1'));
      }),
      { numRuns: 40 },
    );
  });
  it('never grow past the limit, and keep so many files', async () => {
    for (let i = 0; i < 10; i++) write(lines(i * 10, i * 10 + 10), 500, 3);
    expect(readdirSync(join(temp.path, 'c')).sort()).toEqual(['log', 'log.1', 'log.2']);
    for (const name of ['log', 'log.1', 'log.2']) {
      expect(statSync(join(temp.path, 'c', name)).size).toBeLessThanOrEqual(500);
    }
    expect(await read()).toMatch(/line 98\nline 99\n$/);
  });
  it('give the last lines, across files and parts', async () => {
    for (let i = 0; i < 8; i++) write(lines(i * 5, i * 5 + 5), 400, 20);
    for (const tail of [0, 1, 2, 7, 39, 40, 100]) {
      expect(await read({ tail })).toBe(lines(Math.max(0, 40 - tail), 40));
    }
    write(`${'x'.repeat(50_000)}\nend`);
    expect(await read({ tail: 1 })).toBe('end');
    expect(await read({ tail: 3 })).toBe(`line 39\n${'x'.repeat(50_000)}\nend`);
  });
  it('keep to a span of time', async () => {
    const entry = (second: number) => formatEntries('stdout', Buffer.from(`${second}\n`), second * 1_000_000);
    write('');
    writeFileSync(path, Buffer.concat([1, 2, 3, 4].map((second) => entry(second).bytes)));
    expect(await read({ since: 2_000_000, until: 3_000_000 })).toBe('2\n3\n');
  });
  it('pass over a torn entry', async () => {
    write('a\n');
    appendFileSync(path, '2026-01-02T03:0\n');
    write('b\n');
    expect(await read()).toBe('a\nb\n');
  });
  it('are followed as they grow and rotate, to their end', async () => {
    write(lines(0, 3));
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const followed = read({ follow: true, ended });
    const writer = new LogWriter({ path, maxBytes: 2000, maxFiles: 50 });
    for (let i = 3; i < 203; i++) {
      writer.write('stdout', Buffer.from(`line ${i}\n`));
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    writer.close();
    end();
    expect(await followed).toBe(lines(0, 203));
  });
  it('are followed from before they exist', async () => {
    const stop = new AbortController();
    const followed = read({ follow: true, signal: stop.signal });
    setTimeout(() => write('first\n'), 20);
    setTimeout(() => stop.abort(), 600);
    expect(await followed).toBe('first\n');
  });
  it('stop being followed when the caller says so', async () => {
    write('a\n');
    const stop = new AbortController();
    const followed = read({ follow: true, signal: stop.signal });
    setTimeout(() => stop.abort(), 30);
    expect(await followed).toBe('a\n');
  });
  it('say what was lost while the disk was full', async () => {
    mkdirSync(join(temp.path, 'c'));
    symlinkSync('/dev/full', path);
    const writer = new LogWriter({ path, maxBytes: 1 << 20, maxFiles: 2 });
    writer.write('stdout', Buffer.from('lost\n'));
    writer.write('stdout', Buffer.from('too\n'));
    unlinkSync(path);
    writer.write('stdout', Buffer.from('room again\n'));
    writer.close();
    expect(await read()).toMatch(/^\[shiplog: 9 bytes of output were lost: .*ENOSPC.*\]\nroom again\n$/);
  });
});
