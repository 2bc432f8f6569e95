import { describe, expect, it } from 'vitest';
import { batchOf } from '../../../../src/adapters/log-file/event-text.ts';
import { CHAIN_START, GROUP_HEADER_BYTES } from '../../../../src/adapters/log-file/format.ts';
import {
  chainAfter,
  chainBefore,
  checkGroup,
  countOf,
  decodeGroup,
} from '../../../../src/adapters/log-file/group.ts';
import { GroupBuffer } from '../../../../src/adapters/log-file/group-buffer.ts';
import type { Envelope, Recorded } from '../../../../src/domain/envelope.ts';
import { event, events } from '../../../support/log-events.ts';

const filled = (...sizes: number[]): GroupBuffer => {
  const buffer = new GroupBuffer();
  let next = 0;
  for (const size of sizes) {
    buffer.add(batchOf(events(next, size)), next);
    next += size;
  }
  return buffer;
};

const decoded = ({ starts, sealed }: GroupBuffer): Recorded[] => {
  const into: Recorded[] = [];
  for (const at of starts) decodeGroup(sealed, at, 0, Number.POSITIVE_INFINITY, into);
  return into;
};

describe('the text of an event', () => {
  const full: Envelope = {
    ...event(7, { words: 'ünïcode "quoted" \\ \u0001' }),
    type: 'odd "type"',
    meta: {
      ...event(7).meta,
      actor: { uid: 1, gid: 2, pid: 3, exe: '/opt/a"b\\c', client: 'zoë\n' },
      causation: '41',
      reason: 'because \u2028 of <this> & "that"',
    },
  };

  it.each([
    ['plain', event(1)],
    ['with every field, and characters that JSON escapes', full],
    ['without a cause or reason', { ...full, meta: event(7).meta }],
  ])('reads back as it was given: %s', (_, given) => {
    const buffer = new GroupBuffer();
    buffer.add(batchOf([given]), 12);
    buffer.seal(0, CHAIN_START);
    expect(decoded(buffer)).toEqual([{ ...given, position: 12n }]);
  });

  it('has the head that JSON.stringify gives, so that its bytes depend on no shortcut', () => {
    for (const one of [event(1), full]) {
      const { type, version, subject, meta } = one;
      expect(batchOf([one]).texts[0]?.head).toBe(JSON.stringify({ type, version, subject, meta }));
    }
  });

  it('is refused where a number is none that JSON has', () => {
    expect(() => batchOf([{ ...event(1), version: Number.NaN }])).toThrow(/JSON has no such number/);
  });
});

describe('sealing groups', () => {
  it('lets small appends share a group, in order, and splits none', () => {
    const buffer = filled(1, 3, 2, 2, 1, 7, 1, 9, 1);
    buffer.seal(128, CHAIN_START);
    expect(buffer.starts.map((at) => countOf(buffer.sealed, at))).toEqual([8, 8, 1, 9, 1]);
    expect(decoded(buffer).map(({ position }) => Number(position))).toEqual([...Array(27).keys()]);
  });

  it('gives a large append a group of its own', () => {
    const buffer = new GroupBuffer();
    const large = event(1, { text: 'x'.repeat(9000) });
    for (const [at, one] of [event(0), large, event(2), event(3)].entries()) buffer.add(batchOf([one]), at);
    buffer.seal(128, CHAIN_START);
    expect(buffer.starts.map((at) => countOf(buffer.sealed, at))).toEqual([1, 1, 2]);
    expect(buffer.sealed.length).toBeLessThanOrEqual(buffer.waiting);
  });

  it('is used again after it was cleared', () => {
    const buffer = filled(3);
    buffer.seal(128, CHAIN_START);
    buffer.clear();
    expect(buffer).toMatchObject({ waiting: 0, starts: [], sealed: Buffer.alloc(0) });
    buffer.add(batchOf(events(3, 2)), 3);
    buffer.seal(128, CHAIN_START);
    expect(decoded(buffer).map(({ position }) => position)).toEqual([3n, 4n]);
  });

  it('chains each group to the one before it, and checks each', () => {
    const buffer = filled(8, 3, 7);
    const after = buffer.seal(128, CHAIN_START);
    let chain = CHAIN_START;
    for (const at of buffer.starts) {
      expect(checkGroup(buffer.sealed, at, buffer.sealed.length)).toBeTypeOf('number');
      expect(chainBefore(buffer.sealed, at)).toBe(chain);
      chain = chainAfter(buffer.sealed, at);
    }
    expect(after).toBe(chain);
  });

  it('leaves the chain as it is at a mark', () => {
    const buffer = new GroupBuffer();
    buffer.addMark(5);
    expect(buffer.seal(128, 'x'.repeat(32))).toBe('x'.repeat(32));
    expect(checkGroup(buffer.sealed, 0, buffer.sealed.length)).toBe(GROUP_HEADER_BYTES);
  });
});
