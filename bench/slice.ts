import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { slicePartsOf } from '../src/adapters/grpc/slices.ts';
import { openFileLog } from '../src/adapters/log-file/file-log.ts';
import { leavesOf } from '../src/adapters/log-file/leaves.ts';
import { createTreeHeads } from '../src/adapters/tree-heads/tree-heads.ts';
import { position, Timestamp } from '../src/domain/identity.ts';
import type { SlicePiece } from '../src/engine/ports/proofs.ts';
import { SliceCheck } from '../src/slice/check.ts';
import { packSlice, unpackSlice } from '../src/slice/file.ts';
import { parseVerifier } from '../src/tlog/key.ts';
import type { Bench } from './rig/figures.ts';
import { copyHistory, sharedHistory } from './rig/host-history.ts';

/**
 * What a slice of all but the first events of a history costs to make and to verify, and how large it is:
 * `npm run bench -- slice [EVENTS]`.
 */

export const main: Bench = async (args) => {
  const events = Number(args[0] ?? 200_000);
  const history = await sharedHistory(events);
  const folder = await mkdtemp(join('/var/tmp', 'shiplog-bench-'));
  try {
    const directory = join(folder, 'log');
    copyHistory(history, directory);
    const log = await openFileLog({ directory, indexFromBytes: Number.POSITIVE_INFINITY });
    const leaves = leavesOf(log.files);
    const keysDirectory = join(folder, 'keys');
    const heads = createTreeHeads({ directory, keysDirectory, leaves, horizon: () => log.horizon });
    const vkey = await heads.makeKey('shiplog/bench');
    const to = log.durable;
    const head = await heads.sign({ size: to, wall: Timestamp.parse(1), vkeys: [vkey] });
    const from = position(1000n);
    async function* pieces(): AsyncGenerator<SlicePiece> {
      const proof = await heads.proveRange(from, to, head);
      const about = { program: '0', hostId: 'h', schema: '', redact: [], keys: [vkey] };
      yield { kind: 'begin', ...about, from, to, heads: [head], proof, state: 'whole' };
      for await (const entries of leaves.entries(from, to)) {
        yield {
          kind: 'events',
          events: entries.map(({ entry, data }) => ({ entry, payload: data, standIn: false })),
        };
      }
    }
    const path = join(folder, 'bench.slice');
    const count = Number(to - from);
    let start = performance.now();
    await writeFile(path, packSlice(slicePartsOf(pieces())));
    const made = performance.now() - start;
    await log.close();
    const before = process.memoryUsage.rss();
    start = performance.now();
    const check = new SliceCheck({ verifiers: [parseVerifier(vkey)], kept: [] });
    let [bytes, most] = [0, before];
    for await (const part of unpackSlice(path)) {
      check.take(part);
      bytes += part.bytes.length;
      most = Math.max(most, process.memoryUsage.rss());
    }
    const { verdict, message } = check.report();
    if (verdict !== 'sound') throw new Error(message);
    const verified = performance.now() - start;
    const { size } = await stat(path);
    return [
      {
        title: `A slice of ${count.toLocaleString('en')} events`,
        figures: [
          { name: 'made', unit: '/s', ours: [(count / made) * 1000] },
          { name: 'verified', unit: '/s', ours: [(count / verified) * 1000] },
          { name: 'memory that verifying takes', unit: 'MB', ours: [(most - before) / 1e6] },
        ],
        notes: [`${Math.round(size / count)} bytes an event, ${Math.round(bytes / count)} unpacked.`],
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
