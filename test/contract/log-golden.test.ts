import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { verifyLog } from '../../src/adapters/log-file/verify.ts';
import { factOf } from '../../src/engine/ledger.ts';
import { emptyViews, evolveViews } from '../../src/engine/views.ts';
import { at, event, readAll } from '../support/log-events.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const golden = join(import.meta.dirname, '../golden');

/** What the first program wrote when it wrote these files: one line of events.jsonl an event. */
const written = readFileSync(join(golden, 'events.jsonl'), 'utf8').split('\n');

describe('a log of format 1, as the first version wrote it', () => {
  let copy: ReturnType<typeof makeTempDir>;
  beforeEach(() => {
    copy = makeTempDir('golden-log');
    cpSync(join(golden, 'log-format-1'), copy.path, { recursive: true });
  });
  afterEach(() => copy.remove());

  it('verifies', async () => {
    expect(await verifyLog(copy.path)).toMatchObject({ intact: true, events: 51 });
  });

  it('reads as it was written, folds, and goes on', async () => {
    const log = await openFileLog({ directory: copy.path });
    const events = await readAll(log);
    for (const [n, { position, ...envelope }] of events.entries()) {
      expect(position).toBe(BigInt(n));
      expect(envelope).toEqual(JSON.parse(written[n] ?? ''));
    }
    const views = events.reduce((state, recorded) => evolveViews(state, factOf(recorded)), emptyViews);
    expect(views.world.position).toBe(51n);
    expect(await log.append([event(51)], at(51))).toBe(52n);
    await log.close();
    expect(await verifyLog(copy.path)).toMatchObject({ intact: true, events: 52 });
  });
});
