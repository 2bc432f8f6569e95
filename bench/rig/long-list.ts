import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { Containers } from '../../src/gen/containerd/services/containers/v1/containers_pb.ts';
import { connectBare } from './bare-caller.ts';
import type { Figure } from './figures.ts';
import { fillLog } from './fill-log.ts';
import { containerEvent } from './live-records.ts';
import { startOurs } from './ours.ts';
import { cpuMs, residentMB } from './processes.ts';

const containers = 100_000;

/** How often memory is looked at (milliseconds). */
const lookEvery = 20;

/** Runs it with the most memory that a process held meanwhile, in megabytes. */
const withMost = async (pid: number, act: () => Promise<void>): Promise<number> => {
  let most = residentMB(pid);
  const looking = setInterval(() => {
    most = Math.max(most, residentMB(pid));
  }, lookEvery);
  try {
    await act();
  } finally {
    clearInterval(looking);
  }
  return Math.max(most, residentMB(pid));
};

/** What a process that has nothing to do may take, in milliseconds of processor for each `lookAgain`. */
const quietMs = 20;
const lookAgain = 500;
const mostLooks = 120;

/** Waits until a daemon has done what a start on a log without indexes and saved states makes it do, once. */
const quiet = async (pid: number): Promise<void> => {
  for (let look = 0; look < mostLooks; look += 1) {
    const before = cpuMs(pid);
    await sleep(lookAgain);
    if (cpuMs(pid) - before <= quietMs) return;
  }
  throw new Error(`the daemon was busy for ${(lookAgain * mostLooks) / 1000} s after its start`);
};

/** A list of very many containers, streamed: how long it takes, and what the daemon holds meanwhile. */
export const longList = async (directory: string, rounds: number): Promise<readonly Figure[]> => {
  mkdirSync(join(directory, 'root'), { recursive: true, mode: 0o711 });
  const log = await openFileLog({ directory: join(directory, 'root', 'log') });
  await fillLog(
    log,
    Array.from({ length: containers }, (_, n) => containerEvent(`record-${n}`)),
  );
  await log.close();
  const ours = await startOurs(directory);
  const taken = { ms: [] as number[], processor: [] as number[], memory: [] as number[] };
  try {
    await quiet(ours.pid);
    const caller = await connectBare(ours.address, 'bench');
    for (let round = -2; round < rounds; round += 1) {
      const [before, cpu, started] = [residentMB(ours.pid), cpuMs(ours.pid), performance.now()];
      const most = await withMost(ours.pid, async () => {
        const found = await caller.count(Containers.method.listStream, {});
        if (found !== containers) throw new Error(`${found} containers were listed`);
      });
      if (round < 0) continue;
      taken.ms.push(performance.now() - started);
      taken.processor.push(cpuMs(ours.pid) - cpu);
      taken.memory.push(most / before);
    }
    caller.close();
  } finally {
    await ours.stop();
  }
  const detail = `${containers} containers`;
  return [
    { name: 'list as a stream', detail, unit: 'ms', ours: taken.ms },
    { name: 'list as a stream: processor', detail, unit: 'ms', ours: taken.processor },
    { name: 'list as a stream: memory by that before', detail, unit: '×', ours: taken.memory },
  ];
};
