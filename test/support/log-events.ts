import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Envelope, type Recorded, Subject } from '../../src/domain/envelope.ts';
import { type Position, position, Timestamp } from '../../src/domain/identity.ts';
import type { Log, LogRange } from '../../src/engine/ports/log.ts';

/** An event that no domain knows; a log doesn't look inside. */
export const event = (n: number, extra: Readonly<Record<string, unknown>> = {}): Envelope => ({
  type: 'test.happened',
  version: 1,
  subject: Subject.parse('container/default/c1'),
  data: { n, ...extra },
  meta: {
    actor: { uid: 0, gid: 0, pid: 4711, exe: '/usr/bin/tester', client: 'test ✓' },
    time: { wall: Timestamp.parse(1_763_695_753_000_000 + n), mono: 1_000_000 + n, boot: 'boot-1' },
    correlation: `request-${n}`,
  },
});

export const events = (from: number, count: number): Envelope[] =>
  Array.from({ length: count }, (_, index) => event(from + index));

/** Appends batches of these sizes one after the other; events are numbered by position. @returns the new head */
export const appendBatches = async (log: Log, sizes: readonly number[]): Promise<Position> => {
  for (const size of sizes) await log.append(events(Number(log.head), size), log.head);
  return log.head;
};

export const readAll = async (log: Log, range?: LogRange): Promise<Recorded[]> => {
  const all: Recorded[] = [];
  for await (const batch of log.read(range)) all.push(...batch);
  return all;
};

export const positionsOf = (recorded: readonly Recorded[]): number[] =>
  recorded.map((one) => Number(one.position));

export const at = (n: number): Position => position(BigInt(n));

/** Where a sync costs nothing, for tests that open a log thousands of times and ask about bytes, not about the disk. */
export const memoryFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Runs with a fresh directory and removes it afterwards. */
export const inTemporaryDirectory = async <T>(
  use: (directory: string) => Promise<T>,
  folder = tmpdir(),
): Promise<T> => {
  const directory = await mkdtemp(join(folder, 'shiplog-log-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

/** 0, 1, … below n. */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, index) => index);
