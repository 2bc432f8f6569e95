import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SliceQuery } from '../../src/engine/ports/proofs.ts';
import { SliceCheck, type SlicedFact } from '../../src/slice/check.ts';
import { unpackSlice } from '../../src/slice/file.ts';
import { parseVerifier } from '../../src/tlog/key.ts';
import { fill } from '../support/kept-log.ts';
import { at, memoryFolder } from '../support/log-events.ts';
import { openSliceHost, type SliceHost } from '../support/slice-host.ts';
import { makeTempDir } from '../support/temp-dir.ts';

const temp = makeTempDir('slice-file', memoryFolder);
let host: SliceHost;

beforeAll(async () => {
  host = await openSliceHost(temp.path);
  await fill(host, 0, 20);
});
afterAll(async () => {
  await host.close();
  temp.remove();
});

const range = (from: number, to: number): Partial<SliceQuery> => ({
  from: { position: at(from) },
  to: { position: at(to) },
});

describe('the file of a slice', () => {
  const verdictOf = async (path: string) => {
    const verifiers = [parseVerifier(host.vkey)];
    const one = new SliceCheck({ verifiers, kept: [] });
    const facts: SlicedFact[] = [];
    try {
      for await (const part of unpackSlice(path)) one.take(part, (fact) => facts.push(fact));
    } catch (error) {
      return { ...one.report(error), facts };
    }
    return { ...one.report(), facts };
  };

  it('is the same each time, and sound', async () => {
    const [one, other] = [await host.save('a.slice', range(1, 9)), await host.save('b.slice', range(1, 9))];
    expect(readFileSync(one).equals(readFileSync(other))).toBe(true);
    expect(await verdictOf(one)).toMatchObject({ verdict: 'sound' });
  });

  it('is caught with any byte flipped, or says the same as before', async () => {
    const whole = readFileSync(await host.save('flip.slice', range(10, 12)));
    const path = join(temp.path, 'flipped.slice');
    const before = JSON.stringify((await verdictOf(join(temp.path, 'flip.slice'))).facts);
    const passed: number[] = [];
    for (let at = 0; at < whole.length; at += 1) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      writeFileSync(path, bytes);
      const { verdict, facts } = await verdictOf(path);
      if (verdict !== 'sound') continue;
      passed.push(at);
      expect(JSON.stringify(facts)).toBe(before);
    }
    // Time, hints and system in gzip's header (RFC 1952, 2.3), which nothing is made of.
    expect(passed).toEqual([4, 5, 6, 7, 8, 9]);
  }, 60_000);

  it('is caught cut short anywhere', async () => {
    const whole = readFileSync(await host.save('whole.slice', range(10, 12)));
    const path = join(temp.path, 'cut.slice');
    for (let end = 0; end < whole.length; end += 7) {
      writeFileSync(path, whole.subarray(0, end));
      expect((await verdictOf(path)).verdict).not.toBe('sound');
    }
  }, 30_000);

  it('is no slice where it is something else', async () => {
    const path = join(temp.path, 'text');
    writeFileSync(path, 'not a slice');
    expect(await verdictOf(path)).toMatchObject({ verdict: 'unreadable' });
  });
});
