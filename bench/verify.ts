import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { createLogInspector } from '../src/adapters/log-file/inspector.ts';
import { leavesOf } from '../src/adapters/log-file/leaves.ts';
import { createTreeHeads } from '../src/adapters/tree-heads/tree-heads.ts';
import { position, Timestamp } from '../src/domain/identity.ts';
import type { Bench } from './rig/figures.ts';
import { copyHistory, sharedHistory } from './rig/host-history.ts';

/**
 * What `log verify` takes for files and signed heads, on a copy of the shared history:
 * `npm run bench -- verify [EVENTS] [ROUNDS]`. Processor time is that of all threads.
 */

/** Heads are signed as a daemon would that writes as fast as it can: one in so many events. */
const HEAD_EVERY = 50_000;

export const main: Bench = async (args) => {
  const events = Number(args[0] ?? 1_000_000);
  const rounds = Number(args[1] ?? 5);
  const history = await sharedHistory(events);
  const folder = await mkdtemp(join('/var/tmp', 'shiplog-bench-'));
  try {
    const directory = join(folder, 'log');
    copyHistory(history, directory);
    // No thread that makes indexes meanwhile: it would be counted.
    const log = await openFileLog({ directory, indexFromBytes: Number.POSITIVE_INFINITY });
    const { durable, horizon } = log;
    const heads = createTreeHeads({
      directory,
      keysDirectory: join(folder, 'keys'),
      leaves: leavesOf(log.files),
      horizon: () => log.horizon,
    });
    const vkey = await heads.makeKey('shiplog/bench');
    for (let size = HEAD_EVERY; size <= durable; size += HEAD_EVERY) {
      await heads.sign({ size: position(BigInt(size)), wall: Timestamp.parse(size), vkeys: [vkey] });
    }
    const inspector = createLogInspector(directory);
    const rates: number[] = [];
    const costs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const [start, before] = [performance.now(), process.cpuUsage()];
      const check = await heads.checking({ horizon, vkeys: [vkey], notes: [] });
      const found = await inspector.verify(
        () => undefined,
        (hashes, first) => check.take(hashes, first),
      );
      if (!found.intact || !(await check.verdict()).ok) throw new Error('the history is not intact');
      const { user, system } = process.cpuUsage(before);
      rates.push((Number(durable) / (performance.now() - start)) * 1000);
      costs.push((user + system) / Number(durable));
    }
    await log.close();
    const count = Number(durable).toLocaleString('en');
    const detail = `${count} events, ${Math.floor(Number(durable) / HEAD_EVERY)} signed heads`;
    return [
      {
        title: `Verifying files and signed heads, ${rounds} rounds`,
        figures: [
          { name: 'verify', detail, unit: '/s', ours: rates },
          { name: 'processor time of an event, all threads', unit: 'µs', ours: costs },
        ],
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
