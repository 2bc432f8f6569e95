import { appendFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type OpenFileLog, openFileLog } from '../../../../src/adapters/log-file/file-log.ts';
import { leavesOf } from '../../../../src/adapters/log-file/leaves.ts';
import { verifyLog } from '../../../../src/adapters/log-file/verify.ts';
import { createTreeHeads } from '../../../../src/adapters/tree-heads/tree-heads.ts';
import { hostSubject } from '../../../../src/domain/envelope.ts';
import { position, Timestamp } from '../../../../src/domain/identity.ts';
import type { TreeHeads } from '../../../../src/engine/ports/proofs.ts';
import { checkProof } from '../../../../src/tlog/document.ts';
import { dataOf } from '../../../../src/tlog/event-record.ts';
import { parseVerifier } from '../../../../src/tlog/key.ts';
import { cutLog, forgeEvent } from '../../../support/log-forger.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

let temp: ReturnType<typeof makeTempDir>;
let log: OpenFileLog;
let heads: TreeHeads;
let vkey: string;
let wall = 1_763_731_282_000_000;

const actor = { uid: 0, gid: 0, pid: 1, exe: '', client: '' };
const eventOf = (n: number) => ({
  ...{ type: 'daemon-stopped', version: 1, subject: hostSubject, data: { because: `reason ${n}` } },
  meta: { actor, time: { wall: Timestamp.parse(n), mono: n, boot: 'b' }, correlation: 'c' },
});
const directory = () => join(temp.path, 'log');
const open = async (): Promise<void> => {
  log = await openFileLog({ directory: directory(), segmentBytes: 40_000 });
  const opened = log;
  heads = createTreeHeads({
    directory: directory(),
    keysDirectory: join(temp.path, 'keys'),
    leaves: leavesOf(opened.files),
    horizon: () => opened.horizon,
  });
};
const grow = async (count: number): Promise<void> => {
  const from = Number(log.head);
  for (let at = from; at < from + count; at += 100) {
    const some = Array.from({ length: Math.min(100, from + count - at) }, (_, n) => eventOf(at + n));
    await log.append(some, log.head);
  }
};
const sign = () => {
  wall += 1_000_001;
  return heads.sign({ size: log.durable, wall: Timestamp.parse(wall), vkeys: [vkey] });
};
const verdictOf = async (notes: readonly string[], trusted = vkey) => {
  const check = await heads.checking({ horizon: log.horizon, vkeys: [trusted], notes });
  // Twice, as where a pass has to be repeated.
  for (let pass = 0; pass < 2; pass += 1) {
    const files = await verifyLog(directory(), { onLeaves: (hashes, first) => check.take(hashes, first) });
    expect(files.intact).toBe(true);
  }
  return check.verdict();
};
const verify = (...notes: readonly string[]) => verdictOf(notes);
const proves = async (at: number, size?: number): Promise<boolean> => {
  const { text } = await heads.proveEvent(
    position(BigInt(at)),
    size === undefined ? undefined : position(BigInt(size)),
  );
  const proven = checkProof(text, [parseVerifier(vkey)]);
  return proven.kind === 'event' && dataOf(proven.record, proven.data) === `{"because":"reason ${at}"}`;
};
const tile = (path: string) => join(directory(), 'tree/tile', path);

beforeEach(async () => {
  temp = makeTempDir('heads');
  await open();
  vkey = await heads.makeKey('shiplog/test');
});
afterEach(async () => {
  await log.close();
  temp.remove();
});

it('proves every kind of place in a tree of many tiles, against each head', async () => {
  await grow(3);
  await sign();
  await grow(700);
  await sign();
  await grow(300);
  const { size, time } = await sign();
  expect([size, time]).toEqual([1003n, wall]);
  for (const at of [0, 1, 2, 255, 256, 511, 702, 703, 1002]) expect(await proves(at)).toBe(true);
  for (const at of [0, 2]) expect(await proves(at, 3)).toBe(true);
  expect(await proves(702, 703)).toBe(true);
  await expect(proves(3, 3)).rejects.toThrow('no signed head covers position 3');
  await expect(proves(0, 4)).rejects.toThrow('no head of 4 events was signed');
  const { text } = await heads.proveConsistency(position(3n), position(703n));
  expect(checkProof(text, [parseVerifier(vkey)]).kind).toBe('consistency');
  expect(await verify()).toMatchObject({
    ok: true,
    message: expect.stringContaining('each of 3 signed heads'),
  });
});

it('two heads of one size prove that nothing happened between', async () => {
  await grow(5);
  const [one, other] = [await sign(), await sign()];
  expect([other.size, other.root]).toEqual([one.size, one.root]);
  expect(other.time).toBeGreaterThan(one.time);
});

it('goes on after a start from the tiles, and makes those that are missing or damaged', async () => {
  await grow(600);
  await sign();
  for (const damage of [
    () => rmSync(join(directory(), 'tree'), { recursive: true }),
    () => rmSync(tile('0/002.p'), { recursive: true }),
    () => rmSync(tile('1/000.p'), { recursive: true }),
    () => writeFileSync(tile('0/001'), Buffer.alloc(8192, 1)),
    () => writeFileSync(tile('0/000'), 'cut'),
    () =>
      writeFileSync(
        tile(`0/${readdirSync(tile('0')).find((name) => name.endsWith('.p'))}/88`),
        Buffer.alloc(88 * 32, 3),
      ),
  ]) {
    await log.close();
    damage();
    await open();
    expect(await heads.check(log.durable)).toBeUndefined();
    for (const at of [0, 300, 599]) expect(await proves(at)).toBe(true);
  }
  await grow(10);
  await sign();
  expect(await proves(609)).toBe(true);
  expect(await verify()).toMatchObject({ ok: true });
});

it('cuts a head that a crash left unfinished, and keeps those before', async () => {
  await grow(5);
  const { note } = await sign();
  const file = join(directory(), 'heads/00000000.heads');
  const whole = readFileSync(file);
  appendFileSync(file, whole.subarray(0, 100));
  await log.close();
  await open();
  expect((await heads.latest())?.note).toBe(note);
  expect(readFileSync(file)).toEqual(whole);
  expect(readFileSync(join(directory(), 'heads/latest'), 'utf8')).toBe(note);
  await sign();
  expect(await verify()).toMatchObject({
    ok: true,
    message: expect.stringContaining('each of 2 signed heads'),
  });
});

/** Closes the log, lets somebody at its files, and opens it again. */
const tampered = async (forge: () => void): Promise<void> => {
  await log.close();
  forge();
  await open();
};

it('names the event that was edited, also where all checksums are right again', async () => {
  await grow(600);
  const { note } = await sign();
  await tampered(() => forgeEvent(directory(), 417, 'reason 417', 'reason 418'));
  expect(await verify()).toMatchObject({ ok: false, position: 417n });
  expect((await verify(note)).message).toContain('event 417 is the first that differs');
  await expect(proves(417)).rejects.toThrow('does not lead to the head that was signed');
  // Asking for a proof does not lose what the tiles remember.
  expect(await verify(note)).toMatchObject({ ok: false, position: 417n });
});

it('names the stretch where tiles and heads were forged too', async () => {
  await grow(300);
  const early = await sign();
  await grow(300);
  const late = await sign();
  await tampered(() => {
    forgeEvent(directory(), 417, 'reason 417', 'reason 418');
    for (const name of ['tree', 'heads']) rmSync(join(directory(), name), { recursive: true });
  });
  expect(await heads.check(log.durable)).toBeUndefined();
  await sign();
  expect(await verify()).toMatchObject({ ok: true });
  expect(await verify(early.note)).toMatchObject({ ok: true });
  expect(await verify(early.note, late.note)).toMatchObject({
    ok: false,
    position: 300n,
    message: expect.stringContaining('from position 300 on, below 600'),
  });
});

it('notices a log that was cut, or goes on otherwise, and never signs it', async () => {
  await grow(600);
  const { note } = await sign();
  let left = 0;
  await tampered(() => {
    left = cutLog(directory(), 450);
  });
  expect(await heads.check(log.durable)).toMatchObject({ what: 'log-shorter' });
  expect(await verify(note)).toMatchObject({
    ok: false,
    position: BigInt(left),
    message: expect.stringContaining('cut short'),
  });
  await expect(sign()).rejects.toThrow('does not lead to');
  await grow(300);
  expect(await heads.check(log.durable)).toMatchObject({ what: 'log-different' });
  expect(await verify(note)).toMatchObject({ ok: false, position: BigInt(left) });
  await expect(sign()).rejects.toThrow('does not lead to');
});

it('takes no head of a stranger, and none that was changed', async () => {
  await grow(5);
  const { note } = await sign();
  expect(await verify(note.replace('\n5\n', '\n4\n'))).toMatchObject({
    ok: false,
    message: expect.stringContaining('does not hold'),
  });
  const stranger = await heads.makeKey('shiplog/test');
  expect(await verdictOf([note], stranger)).toMatchObject({
    ok: false,
    message: expect.stringContaining('not a key that was given'),
  });
});

it('keeps private keys for itself, and refuses one that others could have read', async () => {
  const [, id = ''] = vkey.split('+');
  const path = join(temp.path, 'keys', `${id}.key`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(temp.path, 'keys')).mode & 0o777).toBe(0o700);
  writeFileSync(`${path}2.key`, readFileSync(path), { mode: 0o644 });
  await expect(heads.keys()).rejects.toThrow('can be read by others (mode 644)');
});
