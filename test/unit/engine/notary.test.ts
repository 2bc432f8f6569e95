import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import { type Position, position, Timestamp } from '../../../src/domain/identity.ts';
import { Ledger } from '../../../src/engine/ledger.ts';
import { Notary } from '../../../src/engine/notary.ts';
import { daemonActor } from '../../../src/engine/origin.ts';
import type { TreeHead, TreeHeads } from '../../../src/engine/ports/proofs.ts';
import { keptLogger } from '../../support/fake-api.ts';

const actor = daemonActor(1, '/shiplogd');
const cause = { actor, correlation: 'c' };
const vkeyOf = (name: string, n: number): string => `${name}+0000000${n}+AekyeRrm`;

/** A host of which nothing is on disk: keys and heads are lists. */
const hostWith = async (fault?: Awaited<ReturnType<TreeHeads['check']>>) => {
  const log = memoryLog();
  let now = 1_000_000_000_000_000;
  const clock = {
    now: () => ({ wall: Timestamp.parse(now), mono: 0, boot: 'b' }),
    sleep: async () => undefined,
  };
  const ledger = await Ledger.open(log, clock);
  await ledger.dispatch([{ type: 'start-daemon', version: '1', freshHostId: 'h', pid: 1 }], cause);
  const keys: string[] = [];
  const signed: { head: TreeHead; by: readonly string[] }[] = [];
  const unused = (): never => {
    throw new Error('a notary does not ask for this');
  };
  const heads: TreeHeads = {
    keys: async () => keys,
    makeKey: async (name) => {
      keys.push(vkeyOf(name, keys.length));
      return keys.at(-1) ?? '';
    },
    forgetKeys: async (gone) => {
      for (const key of gone) keys.splice(keys.indexOf(key), 1);
    },
    latest: async () => signed.at(-1)?.head,
    check: async () => fault,
    sign: async ({ size, wall, vkeys }) => {
      const head = { size, root: '', time: wall, note: '' };
      signed.push({ head, by: vkeys });
      return head;
    },
    ...{
      heads: unused,
      proveEvent: unused,
      proveConsistency: unused,
      proveRange: unused,
      checking: unused,
      tiles: unused,
    },
  };
  const { logger, lines } = keptLogger();
  const names = { hex64: () => '', sortable: () => 'c', brief: () => '', spoken: () => '' };
  const options = { actor, interval: 3_600_000, heartbeat: 1000, origin: '' };
  const notaryOf = () => new Notary({ log, ledger, heads, clock, names, logger }, options);
  return {
    ...{ log, ledger, keys, signed, lines, notaryOf },
    pass: (ms: number) => {
      now += ms * 1000;
    },
    signing: () => ledger.durable.world.signing,
  };
};
const start: Position = position(0n);

describe('the notary', () => {
  it('makes a key at the first start only, and names it in the log', async () => {
    const { notaryOf, signing, keys } = await hostWith();
    for (let n = 0; n < 2; n += 1) {
      const notary = notaryOf();
      await notary.start(start);
      await notary.stop();
    }
    expect(keys).toEqual([vkeyOf('shiplog/h', 0)]);
    expect(signing().keys.map(({ vkey }) => vkey)).toEqual(keys);
  });

  it('takes the key that a start made before it was killed', async () => {
    const { notaryOf, signing, keys } = await hostWith();
    keys.push(vkeyOf('shiplog/h', 7));
    await notaryOf().start(start);
    expect(signing().keys.map(({ vkey }) => vkey)).toEqual([vkeyOf('shiplog/h', 7)]);
  });

  it('signs what is durable at a stop, and not what was signed already', async () => {
    const { notaryOf, signed, log } = await hostWith();
    const notary = notaryOf();
    await notary.start(start);
    await notary.stop();
    expect(signed.map(({ head }) => head.size)).toEqual([log.durable]);
    await notaryOf().stop();
    expect(signed).toHaveLength(1);
  });

  it('covers events with a head, a new one only where it must', async () => {
    const { notaryOf, signed, log } = await hostWith();
    const notary = notaryOf();
    await notary.start(start);
    expect(await notary.covering(log.durable)).toBe(log.durable);
    expect(await notary.covering(position(1n))).toBe(log.durable);
    expect(await notary.covering(position(log.durable + 1n))).toBeUndefined();
    expect(signed).toHaveLength(1);
  });

  it('has the head after a rotation signed by both keys, and lets go of the old one', async () => {
    const { notaryOf, signed, keys } = await hostWith();
    const notary = notaryOf();
    await notary.start(start);
    const [old] = keys;
    await notary.rotate(cause);
    expect(signed.at(-1)?.by).toEqual([old, keys[0]]);
    expect(keys).toEqual([vkeyOf('shiplog/h', 1)]);
    await notary.sign(true);
    expect(signed.at(-1)?.by).toEqual(keys);
  });

  it('says once in the log, and at each start to the operator, that the key is gone', async () => {
    const { notaryOf, keys, lines, ledger, signing, log } = await hostWith();
    await notaryOf().start(start);
    keys.length = 0;
    await notaryOf().start(start);
    const { durable } = log;
    await notaryOf().start(start);
    expect(log.durable).toBe(durable);
    expect(signing().stopped).toBe('key-missing');
    expect(lines.filter(({ level }) => level === 'error')).toHaveLength(2);
    const notary = notaryOf();
    await expect(notary.sign()).rejects.toThrow('not signed (key-missing)');
    await expect(notary.rotate(cause)).rejects.toThrow('log key replace');
    expect(keys).toEqual([]);
    await notary.replace(cause);
    expect(ledger.durable.world.signing.keys.at(-1)?.vkey).toMatch(/^shiplog\/h\/2\+/);
    expect(signing().stopped).toBeUndefined();
  });

  it('signs no more where the log is not what was signed', async () => {
    const { notaryOf, signed, signing } = await hostWith({ what: 'log-shorter', detail: 'cut' });
    await notaryOf().start(start);
    const notary = notaryOf();
    await notary.start(start);
    expect(signing().stopped).toBe('log-shorter');
    await notary.stop();
    expect(signed).toEqual([]);
  });
});
