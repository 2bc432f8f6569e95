import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { position } from '../../../src/domain/identity.ts';
import type { SliceQuery } from '../../../src/engine/ports/proofs.ts';
import { SliceCheck, type SlicedFact, type SliceReport } from '../../../src/slice/check.ts';
import { readHead } from '../../../src/slice/check-heads.ts';
import { PartSums } from '../../../src/slice/encode.ts';
import { encodeRecord, recordsIn, type SlicePart, type SliceRecord } from '../../../src/slice/format.ts';
import { leafHash } from '../../../src/tlog/hash.ts';
import { generateSigner, parseVerifier } from '../../../src/tlog/key.ts';
import { because, fill, noteOf } from '../../support/kept-log.ts';
import { at, memoryFolder } from '../../support/log-events.ts';
import { openSliceHost, type SliceHost } from '../../support/slice-host.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

const temp = makeTempDir('slice', memoryFolder);
let host: SliceHost;
/** A head of the first ten events or so, kept elsewhere. */
let early: string;
let late: string;

beforeAll(async () => {
  host = await openSliceHost(temp.path);
  await fill(host, 0, 8);
  early = (await host.proofs.head({ fresh: true })).note;
  await fill(host, 8, 30);
  late = (await host.proofs.head({ fresh: true })).note;
  await fill(host, 30, 40);
});
afterAll(async () => {
  await host.close();
  temp.remove();
});

const sizeOf = (note: string): number => Number(note.split('\n')[1]);
const range = (from: number, to: number): Partial<SliceQuery> => ({
  from: { position: at(from) },
  to: { position: at(to) },
});

const partsOf = async (query: Partial<SliceQuery> = {}): Promise<SlicePart[]> => {
  const parts: SlicePart[] = [];
  for await (const part of host.parts(query)) parts.push(part);
  return parts;
};

interface Checked extends SliceReport {
  readonly facts: readonly SlicedFact[];
}

const check = (
  parts: readonly SlicePart[],
  { keys = [host.vkey], kept = [] }: { keys?: readonly string[]; kept?: readonly string[] } = {},
): Checked => {
  const verifiers = keys.map(parseVerifier);
  const facts: SlicedFact[] = [];
  const one = new SliceCheck({ verifiers, kept: kept.map((note) => readHead(note, verifiers, true)) });
  for (const part of parts) one.take(part, (fact) => facts.push(fact));
  return { ...one.report(), facts };
};

/** The slice with its events changed, and its own sums made right again. */
const forged = (
  parts: readonly SlicePart[],
  change: (records: readonly SliceRecord[]) => readonly SliceRecord[],
): SlicePart[] => {
  const sums = new PartSums();
  let count = 0;
  let leftOut = 0;
  return parts.map((part) => {
    if (part.path === 'end.json') {
      const end = { events: count, leftOut, sha256: sums.digest() };
      return { path: part.path, bytes: Buffer.from(JSON.stringify(end)) };
    }
    if (!part.path.startsWith('events/')) return sums.add(part);
    const records = change([...recordsIn(part.bytes)]);
    count += records.length;
    leftOut += records.filter(({ standIn }) => standIn).length;
    return sums.add({ path: part.path, bytes: Buffer.concat(records.map(encodeRecord)) });
  });
};

const edited = ({ entry, ...rest }: SliceRecord): SliceRecord => {
  const bytes = Buffer.from(entry);
  bytes.write('1', bytes.indexOf('"uid":0') + 6);
  return { ...rest, entry: bytes };
};

describe('a slice', () => {
  it('is sound, and gives the events back as they are in the log', async () => {
    const { verdict, message, facts } = check(await partsOf(range(3, 20)));
    expect(message).toContain("events 3 to 19 of 'shiplog/h' stand at their places");
    expect(verdict).toBe('sound');
    const logged = [];
    for await (const batch of host.log.read({ from: at(3), to: at(20) })) logged.push(...batch);
    expect(facts.map(({ data }) => data)).toEqual(logged.map(({ data }) => data));
    expect(facts.map((fact) => fact.position)).toEqual(logged.map((event) => Number(event.position)));
  });

  it.each([
    [0, 1],
    [0, 42],
    [1, 2],
    [7, 8],
    [16, 32],
    [41, 42],
  ])('proves any stretch: %i to %i', async (from, to) => {
    expect(check(await partsOf(range(from, to)))).toMatchObject({ verdict: 'sound' });
  });

  it('leads to heads that were kept elsewhere', async () => {
    const parts = await partsOf(range(2, 40));
    expect(check(parts, { kept: [early, late] })).toMatchObject({ verdict: 'sound' });
    expect(check(parts, { kept: [early, late] }).message).toContain('lead to 2 heads that were kept');
  });

  it('says which head to ask for where a kept one is out of its reach', async () => {
    const { verdict, message } = check(await partsOf(range(20, 22)), { kept: [early] });
    expect(verdict).toBe('unreadable');
    expect(message).toContain('log prove --consistency');
  });

  it('proves nothing to whoever has another key', async () => {
    const other = generateSigner('shiplog/h').verifier.vkey;
    const { verdict, message } = check(await partsOf(), { keys: [other] });
    expect(verdict).toBe('unsound');
    expect(message).toContain('not a key that was given');
  });

  it('says without a key that only hashes were checked', async () => {
    const { verdict, notes } = check(await partsOf(), { keys: [] });
    expect(verdict).toBe('sound');
    expect(notes[0]).toContain('give the public key with --key');
  });

  it('refuses a stretch without events, and words that are neither type nor subject', async () => {
    await expect(partsOf(range(5, 5))).rejects.toThrow('there are no events in it');
    await expect(partsOf({ redact: ['container-kreated'] })).rejects.toThrow('neither a type of event');
    await expect(partsOf(range(5, 5000))).rejects.toThrow('ends at');
  });
});

describe('a forger who knows the format', () => {
  it('is caught at the event that was edited, though its own hash was left', async () => {
    const parts = forged(await partsOf(range(3, 20)), (all) =>
      all.map((one, n) => (n === 9 ? edited(one) : one)),
    );
    const { verdict, position: first, message } = check(parts);
    expect(message).toContain('event 12 is the first that differs');
    expect([verdict, first]).toEqual(['unsound', 12]);
  });

  it('is caught between two heads, where all hashes were made anew', async () => {
    const again = (one: SliceRecord): SliceRecord => ({ ...one, leaf: leafHash(one.entry) });
    const parts = forged(await partsOf(range(3, 40)), (all) =>
      all.map((one, n) => (n === 20 ? again(edited(one)) : one)),
    );
    const { verdict, position: first, message } = check(parts);
    expect(message).toContain(`from position ${sizeOf(early)} on, below ${sizeOf(late)}`);
    expect([verdict, first]).toEqual(['unsound', sizeOf(early)]);
  });

  it('is caught at a payload that was exchanged', async () => {
    const parts = forged(await partsOf(), (all) =>
      all.map((one, n) => {
        if (n !== 17) return one;
        const payload = Buffer.from(one.payload);
        payload.write('S', payload.indexOf('secret words'));
        return { ...one, payload };
      }),
    );
    expect(check(parts)).toMatchObject({ verdict: 'unsound', position: 17 });
  });

  it('is caught where events were taken out, exchanged, added or cut off', async () => {
    const parts = await partsOf(range(3, 20));
    const without = forged(parts, (all) => all.filter((_, n) => n !== 4));
    expect(check(without)).toMatchObject({ verdict: 'unsound', position: 7 });
    const swapped = forged(parts, (all) => all.with(4, all[5] as SliceRecord).with(5, all[4] as SliceRecord));
    expect(check(swapped)).toMatchObject({ verdict: 'unsound', position: 7 });
    const longer = forged(parts, (all) => [...all, all[0] as SliceRecord]);
    expect(check(longer)).toMatchObject({ verdict: 'unsound', position: 20 });
    const shorter = forged(parts, (all) => all.slice(0, 10));
    expect(check(shorter)).toMatchObject({ verdict: 'unsound', position: 13 });
    expect(check(parts.slice(0, -1))).toMatchObject({ verdict: 'unsound', position: 20 });
  });

  it('is caught by a head that was kept, where the log went another way', async () => {
    const other = await openSliceHost(join(temp.path, 'fork'));
    await fill(other, 0, 30);
    const parts: SlicePart[] = [];
    for await (const part of other.parts({})) parts.push(part);
    const { verdict, message } = check(parts, { keys: [other.vkey, host.vkey], kept: [early] });
    expect(verdict).toBe('unsound');
    expect(message).toContain('not those of the head that was kept');
    await other.close();
  });
});

describe('what is left out of a slice', () => {
  const words = (parts: readonly SlicePart[]): string =>
    Buffer.concat(parts.map(({ bytes }) => bytes)).toString('latin1');

  it('is in none of its bytes, and its place is proven all the same', async () => {
    const all = await partsOf(range(10, 30));
    expect(words(all)).toContain(noteOf(4));
    const parts = await partsOf({ ...range(10, 30), redact: ['namespace-created'] });
    expect(words(parts)).not.toContain('secret words');
    const { verdict, leftOut, notes, facts, manifest } = check(parts);
    expect(verdict).toBe('sound');
    expect(leftOut).toBe(20);
    expect(manifest?.state).toBe('cleaned');
    expect(notes.join()).toContain('20 payloads were left out');
    expect(facts[0]?.data).toMatchObject({ namespace: expect.stringMatching(/^team-/) });
  });

  it('may be of one thing only', async () => {
    const parts = await partsOf({ ...range(10, 30), redact: ['namespace/team-14/team-14'] });
    const subjects = check(parts).facts.map(({ head }) => head.subject);
    const [subject] = subjects.filter((one) => one.includes('team-14'));
    expect(subject).toBeDefined();
    const again = await partsOf({ ...range(10, 30), redact: [String(subject)] });
    expect(words(again)).not.toContain(noteOf(14));
    expect(words(again)).toContain(noteOf(15));
    expect(check(again)).toMatchObject({ verdict: 'sound', leftOut: 1 });
  });
});

it('accepts what was redacted in the log where the slice has the redaction, else leaves it out', async () => {
  const root = join(temp.path, 'redacted');
  const own = await openSliceHost(root);
  await fill(own, 0, 5);
  const target = own.log.durable - 2n;
  await own.keeping.redact(position(target), ['labels.note'], because);
  const verifiers = [parseVerifier(own.vkey)];
  const reportOf = async (query: Partial<SliceQuery>) => {
    const one = new SliceCheck({ verifiers, kept: [] });
    for await (const part of own.parts(query)) one.take(part);
    return one.report();
  };
  expect(await reportOf({})).toMatchObject({ verdict: 'sound', redacted: 1, leftOut: 0 });
  const before = { to: { position: position(target + 1n) } };
  expect(await reportOf(before)).toMatchObject({ verdict: 'sound', redacted: 0, leftOut: 1 });
  await own.close();
});
