import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mostCollected } from '../../../src/domain/content.ts';
import type { Subject } from '../../../src/domain/envelope.ts';
import { given, own } from '../../../src/domain/owned-map.ts';
import { collectable, removalCommands } from '../../../src/projections/gc.ts';
import { evolveReferences, noReferences, type References } from '../../../src/projections/references.ts';
import { freeingPositions } from '../../../src/projections/why.ts';
import { digest, type EventInput, log, worldOf } from '../../support/given.ts';

const ns = 'default';
const blob = (of: string, namespace = ns, labels: Record<string, string> = {}): EventInput => ({
  type: 'blob-committed',
  data: { namespace, digest: of, size: 10, labels },
});
const subjectOf = (of: string): Subject => `blob/${ns}/${of}` as Subject;
const fold = (events: readonly EventInput[]): References =>
  log(...events).reduce(evolveReferences, noReferences);
const commandsFor = (count: number) =>
  removalCommands(collectable(fold(Array.from({ length: count }, (_, n) => blob(digest(n))))));

/** What a graph says of who is here and who is kept. */
const saidBy = ({ nodes, incoming, free, suspects, named, pins }: References) => ({
  nodes: new Map([...nodes].map(([key, { lost, out }]) => [key, { lost, out: [...out.keys()].sort() }])),
  incoming: new Map([...incoming].map(([key, edges]) => [key, [...edges.keys()].sort()])),
  free: [...free.keys()].sort(),
  suspects: [...suspects.keys()].sort(),
  named: [...named.keys()].sort(),
  pins: [...pins.keys()].sort(),
});

describe('blobs that a collection lets go of', () => {
  it('have an event each where they are few, and share events where they are many', () => {
    expect(commandsFor(8).map(({ type }) => type)).toEqual(Array(8).fill('remove-blob'));
    expect(commandsFor(9).map(({ type }) => type)).toEqual(['collect-blobs']);
    const sizes = commandsFor(mostCollected + 1).map((one) => ('blobs' in one ? one.blobs.length : 0));
    expect(sizes).toEqual([mostCollected, 1]);
  });

  it('share them within a namespace only', () => {
    const all = Array.from({ length: 12 }, (_, n) => [blob(digest(n)), blob(digest(n), 'other')]).flat();
    const commands = removalCommands(collectable(fold([...all, blob(digest(1), 'third')])));
    const told = commands.map((one) => [one.type, 'namespace' in one ? one.namespace : '']).sort();
    expect(told).toEqual([
      ['collect-blobs', 'default'],
      ['collect-blobs', 'other'],
      ['remove-blob', 'third'],
    ]);
  });

  const labels = fc.dictionary(
    fc.constantFrom(
      'containerd.io/gc.ref.content.a',
      'containerd.io/gc.ref.content.b',
      'containerd.io/gc.bref.content',
      'containerd.io/gc.ref.snapshot.overlayfs',
    ),
    fc.nat(12).map(digest),
    { maxKeys: 2 },
  );
  it('leave the world and the references as if each had gone by an event of its own', () => {
    fc.assert(
      fc.property(
        fc.array(labels, { minLength: 1, maxLength: 10 }),
        fc.array(fc.record({ at: fc.nat(9), freedBy: fc.option(fc.nat(3), { nil: undefined }) })),
        fc.boolean(),
        (all, some, shared) => {
          const made = all.map((of, n) => blob(digest(n), ns, of));
          const others = shared ? [blob(digest(0), 'other')] : [];
          const gone = [
            ...new Map(some.filter(({ at }) => at < all.length).map((one) => [one.at, one])).values(),
          ];
          if (gone.length === 0) return;
          const freed = ({ freedBy }: { freedBy: number | undefined }) =>
            freedBy === undefined ? {} : { freedBy: String(freedBy) };
          const blobs = gone.map((one) => ({
            ...{ digest: digest(one.at), size: 10, lastHolder: !(shared && one.at === 0), ...freed(one) },
          }));
          const one = [
            ...made,
            ...others,
            { type: 'blobs-collected', data: { namespace: ns, blobs } } as const,
          ];
          const each = blobs.map(
            ({ freedBy, ...data }): EventInput => ({
              type: 'blob-removed',
              data: {
                namespace: ns,
                ...data,
                cause: { by: 'gc', ...(freedBy === undefined ? {} : { freedBy }) },
              },
            }),
          );
          expect(saidBy(fold(one))).toEqual(saidBy(fold([...made, ...others, ...each])));
          const owned = log(...one).reduce(evolveReferences, own(noReferences));
          expect(saidBy(given(owned))).toEqual(saidBy(fold(one)));
          const [after, apart] = [worldOf(log(...one)), worldOf(log(...made, ...others, ...each))];
          expect([...after.content.blobs]).toEqual([...apart.content.blobs]);
          expect([...after.content.holders]).toEqual([...apart.content.holders]);
          expect([...after.population]).toEqual([...apart.population]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are told of with what freed each', () => {
    const blobs = [1, 2].map((n) => ({ digest: digest(n), size: 1, lastHolder: true, freedBy: String(n) }));
    const facts = log(blob(digest(1)), blob(digest(2)), {
      type: 'blobs-collected',
      data: { namespace: ns, blobs: [...blobs, { digest: digest(3), size: 1, lastHolder: true }] },
    });
    const tell = (of: string) => freeingPositions(facts, new Set([subjectOf(of)]));
    expect(tell(digest(2))).toEqual([2n, 2n]);
    expect(tell(digest(1))).toEqual([1n, 2n]);
    expect(tell(digest(3))).toEqual([2n]);
  });
});
