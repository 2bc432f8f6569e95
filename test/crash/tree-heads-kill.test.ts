import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { leavesOf } from '../../src/adapters/log-file/leaves.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import { createTreeHeads } from '../../src/adapters/tree-heads/tree-heads.ts';
import { position, Timestamp } from '../../src/domain/identity.ts';
import { checkProof } from '../../src/tlog/document.ts';
import { parseVerifier } from '../../src/tlog/key.ts';
import { inTemporaryDirectory, upTo } from '../support/log-events.ts';
import { bundleLogChild, runLines } from '../support/log-processes.ts';
import { seededRandom } from '../support/random.ts';

const ROUNDS = 12;
const seed = Number(process.env.SHIPLOG_SEED ?? 20_261_121);

/** Starts as the daemon does, and looks at everything that was signed. */
const lookAt = async (directory: string, next: () => number) => {
  const folder = join(directory, 'log');
  const log = await openFileLog({ directory: folder });
  try {
    const keysDirectory = join(directory, 'keys');
    const heads = createTreeHeads({
      ...{ directory: folder, keysDirectory, leaves: leavesOf(log.files) },
      horizon: () => log.horizon,
    });
    const fault = await heads.check(log.durable);
    const [vkey = ''] = await heads.keys();
    const latest = await heads.latest();
    const order = { horizon: log.horizon, vkeys: [vkey], notes: latest === undefined ? [] : [latest.note] };
    const check = await heads.checking(order);
    const files = await verifyLog(folder, { onLeaves: (hashes, first) => check.take(hashes, first) });
    const proofs: string[] = [];
    const size = latest?.size ?? 0n;
    for (const at of [0n, BigInt(Math.floor(next() * Number(size))), size - 1n]) {
      const { text } = await heads.proveEvent(position(at));
      proofs.push(checkProof(text, [parseVerifier(vkey)]).kind);
    }
    const sizes: bigint[] = [];
    for await (const head of heads.heads()) sizes.push(head.size);
    // It goes on from there.
    await heads.sign({ size: log.durable, wall: Timestamp.parse(Date.now() * 1000), vkeys: [vkey] });
    return { fault, latest, intact: files.intact, verdict: await check.verdict(), proofs, sizes };
  } finally {
    await log.close();
  }
};

describe('a daemon killed while it signs', () => {
  let bundle = '';
  let folder = '';
  beforeAll(async () => {
    const inside = join(import.meta.dirname, '../../node_modules/.cache');
    await mkdir(inside, { recursive: true });
    folder = await mkdtemp(join(inside, 'shiplog-signing-'));
    bundle = await bundleLogChild(folder, 'signing-child');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it(
    `has every head that was given out, and all hold, after each of ${ROUNDS} kills (SHIPLOG_SEED=${seed})`,
    () =>
      inTemporaryDirectory(async (directory) => {
        const next = seededRandom(seed);
        for (const _ of upTo(ROUNDS)) {
          const lines = 2 + Math.floor(next() * 25);
          const given: bigint[] = [];
          const run = await runLines([process.execPath, bundle, directory], (line, child) => {
            given.push(BigInt(line.split(' ')[1] ?? ''));
            if (given.length === lines) setTimeout(() => child.kill('SIGKILL'), next() * 12);
          });
          expect([run.signal, run.errors]).toEqual(['SIGKILL', '']);
          const found = await lookAt(directory, next);
          expect(found).toMatchObject({ fault: undefined, intact: true, verdict: { ok: true } });
          for (const size of given) expect(found.sizes).toContain(size);
          expect(found.latest?.size).toBe(found.sizes.at(-1));
          expect(found.proofs).toEqual(['event', 'event', 'event']);
        }
      }),
    300_000,
  );
});
