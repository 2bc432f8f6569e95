import { describe, expect, it } from 'vitest';
import type { Metadata } from '../../../src/domain/envelope.ts';
import { position } from '../../../src/domain/identity.ts';
import { CauseLimits } from '../../../src/engine/ports/time-api.ts';
import { causesOf } from '../../../src/projections/causes.ts';
import { type EventInput, eventFrom, factOf } from '../../support/given.ts';
import { pastOf } from '../../support/past.ts';

const lease: EventInput = { type: 'lease-created', data: { namespace: 'default', id: 'l', labels: {} } };

/** Events of one request, each caused by another or by none. */
const caused = (...causes: readonly (number | undefined)[]) =>
  causes.map((by, at) => {
    const meta: Partial<Metadata> = {
      correlation: 'r',
      ...(by === undefined ? {} : { causation: String(by) }),
    };
    return factOf(eventFrom(lease), at, meta);
  });
const shape = (nodes: readonly { readonly fact: { readonly position: bigint }; readonly depth: number }[]) =>
  nodes.map(({ fact, depth }) => [Number(fact.position), depth]);

describe('a tree of causes', () => {
  it('puts each event above its effects, in the order of the log', () => {
    expect(shape(causesOf(caused(undefined, 0, 0, 1, 1, 2).toReversed(), 9))).toEqual([
      [0, 0],
      [1, 1],
      [3, 2],
      [4, 2],
      [2, 1],
      [5, 2],
    ]);
  });

  it('has a root for each event whose cause is not there', () => {
    expect(shape(causesOf(caused(undefined, 0, undefined, 2).slice(1), 9))).toEqual([
      [1, 0],
      [2, 0],
      [3, 1],
    ]);
  });

  it('says how many effects it leaves out', () => {
    const nodes = causesOf(caused(undefined, 0, 0, 0), 2);
    expect(nodes.map(({ left }) => left)).toEqual([1, 0, 0]);
  });

  it('tells a chain that is longer than a stack is deep', () => {
    const facts = caused(...Array.from({ length: 20_000 }, (_, at) => (at === 0 ? undefined : at - 1)));
    expect(causesOf(facts, 9).at(-1)?.depth).toBe(19_999);
  });
});

describe('the causes around an event of the log', () => {
  const around = async (facts: ReturnType<typeof caused>, at: number) =>
    (await pastOf(facts)).causes({ position: position(BigInt(at)) });

  it('are found from any event of the tree, with other heads of the same request', async () => {
    const facts = caused(undefined, 0, undefined, 1, 2);
    for (const at of [0, 1, 2, 3, 4]) {
      const { nodes, note } = await around(facts, at);
      expect(nodes.map(({ event }) => Number(event.position))).toEqual([0, 1, 3, 2, 4]);
      expect(note).toBe('');
    }
  });

  it('leave other requests out, and follow what the daemon did later for its own reasons', async () => {
    const facts = [
      ...caused(undefined, 0),
      factOf(eventFrom(lease), 2, { correlation: 'other' }),
      factOf(eventFrom(lease), 3, { correlation: 'daemon', causation: '1' }),
    ];
    const { nodes } = await around(facts, 0);
    expect(nodes.map(({ event }) => Number(event.position))).toEqual([0, 1, 3]);
  });

  it('are bounded, and say so', async () => {
    const wide = await around(
      caused(undefined, ...Array.from({ length: CauseLimits.events + 9 }, () => 0)),
      0,
    );
    expect(wide.nodes.length).toBeLessThanOrEqual(CauseLimits.events);
    expect(wide.note).toMatch(/only 2000 events/);
    const long = Array.from({ length: CauseLimits.depth + 50 }, (_, at) => (at === 0 ? undefined : at - 1));
    expect((await around(caused(...long), 0)).note).toMatch(/followed 256 events down/);
    expect((await around(caused(...long), long.length - 1)).note).toMatch(/followed 256 events up/);
  });
});
