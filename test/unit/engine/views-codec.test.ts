import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostHistory } from '../../../bench/rig/host-history.ts';
import type { Fact } from '../../../src/domain/event.ts';
import { position } from '../../../src/domain/identity.ts';
import type { DomainEvent } from '../../../src/domain/world.ts';
import { factOf as recordedFact } from '../../../src/engine/facts.ts';
import { emptyViews, evolveViews, type Views } from '../../../src/engine/views.ts';
import {
  encodeViews,
  shapeOf,
  upcasts,
  ViewsDecoder,
  viewsSchema,
  viewsShape,
} from '../../../src/engine/views-codec.ts';
import { eventFrom, factOf, wallAt } from '../../support/given.ts';
import { plain } from '../../support/plain.ts';
import { anyCommand, logOf } from '../domain/random-commands.ts';

const histories = fc.array(anyCommand, { minLength: 20, maxLength: 120, size: 'max' }).map(logOf);
const folded = (facts: readonly Fact<DomainEvent>[]): Views => facts.reduce(evolveViews, emptyViews);

const linesOf = (views: Views): readonly string[] => [...encodeViews(views)];
const decoded = (lines: Iterable<string>): Views => {
  const decoder = new ViewsDecoder();
  for (const line of lines) decoder.take(line);
  return decoder.views();
};

describe('views as text', () => {
  it('are the same once read back, at every position of any history', () => {
    fc.assert(
      fc.property(histories, (facts) => {
        let views: Views = emptyViews;
        for (const fact of facts) {
          views = evolveViews(views, fact);
          expect(plain(decoded(linesOf(views)))).toEqual(plain(views));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('go on as the views that they were made from', () => {
    fc.assert(
      fc.property(histories, fc.nat(), (facts, where) => {
        const at = where % (facts.length + 1);
        const saved = decoded(linesOf(folded(facts.slice(0, at))));
        expect(plain(facts.slice(at).reduce(evolveViews, saved))).toEqual(plain(folded(facts)));
      }),
      { numRuns: 50 },
    );
  });

  it('are the same text whichever way the views came about', () => {
    fc.assert(
      fc.property(histories, (facts) => {
        const lines = linesOf(folded(facts));
        expect(linesOf(decoded(lines))).toEqual(lines);
        expect(linesOf(folded(facts))).toEqual(lines);
      }),
      { numRuns: 50 },
    );
  });

  it('hold one line break less than they have lines: a line has none', () => {
    const namespace = {
      type: 'namespace-created' as const,
      data: { namespace: 'a', labels: { note: 'x\ny' } },
    };
    for (const line of linesOf(folded([factOf(eventFrom(namespace), 0)]))) expect(line).not.toContain('\n');
  });

  it.each([{ $int: 'no number' }, { $map: 'x' }, { $$int: '7', $: '' }, JSON.parse('{"__proto__":"x"}')])(
    'keep labels that look like marks of this text: %o',
    (labels) => {
      const views = folded([
        factOf(eventFrom({ type: 'namespace-created', data: { namespace: 'a', labels } }), 0),
      ]);
      expect(plain(decoded(linesOf(views)))).toEqual(plain(views));
    },
  );
});

describe('an entry of a map', () => {
  it.each(['', ',', '",', '\\",', 'a","b', 'tab\t', 'ü'])('is found by any key: %j', (key) => {
    const empty = linesOf(emptyViews);
    const at = empty.indexOf('{"at":["world","container","names"]}');
    const lines = empty.toSpliced(at + 1, 0, JSON.stringify([key, { $int: '7' }]));
    expect([...decoded(lines).world.container.names]).toEqual([[key, 7n]]);
  });
});

describe('text that is no views', () => {
  const lines = linesOf(emptyViews);
  it.each([
    ['a plain value is missing', lines.filter((line) => !line.includes('"position"')), /missing/],
    ['a line comes twice', [...lines, ...lines.slice(0, 1)], /twice/],
    ['a part is unknown', [...lines, '{"at":["world","weather"],"is":"fine"}'], /weather is unknown/],
    ['an entry is cut', ['{"at":["world","task"]}', '["a",1'], /JSON/],
    ['an entry stands alone', ['["a",1]'], /before the map/],
    ['a line is cut', [lines[0]?.slice(0, -1) ?? ''], /JSON/],
  ])('is refused where %s', (_, text, message) => {
    expect(() => decoded(text)).toThrow(message);
  });
});

/** SHA-256 of the views that a fixed history gives, as text. */
const GOLDEN = 'edd6265ade9ba58ebc5df83607d9f0c744c0948cc21e28d8dddcbaddaabfb363';

describe('views of shape 2', () => {
  it('say of a committed snapshot when it was prepared, and go on saying it', () => {
    const at = { namespace: 'default', snapshotter: 'overlayfs' };
    const views = folded(
      [
        {
          type: 'snapshot-prepared',
          data: { ...at, key: 'a', id: '1', kind: 'active', labels: {} },
        } as const,
        {
          type: 'snapshot-committed',
          data: { ...at, key: 'a', name: 'b', usage: { bytes: 0, inodes: 1 }, labels: {} },
        } as const,
      ].map((event, n) => factOf(eventFrom(event), n)),
    );
    const [snapshot] = views.world.snapshot.values();
    expect(snapshot?.createdAt).toBe(wallAt(1));
    const older = new ViewsDecoder(2);
    for (const line of linesOf(views))
      older.take(line.replace(`"createdAt":${wallAt(1)}`, `"createdAt":${wallAt(0)}`));
    const [kept] = older.views().world.snapshot.values();
    expect(kept).toEqual({ ...snapshot, createdAt: wallAt(0) });
  });
});

describe('the schema of views', () => {
  it('is raised when the views of a history change', () => {
    const told = [...hostHistory(600, { containers: 5, images: 9 })].flat();
    const facts = told.map((event, at) => recordedFact({ ...event, position: position(BigInt(at)) }));
    const found = hash('sha256', linesOf(folded(facts)).join('\n'), 'hex');
    expect(
      found,
      'raise viewsShape in src/engine/views-codec.ts, so that checkpoints of the old shape are not taken for new ones, with a step from the old one in upcasts; then `npm run golden`, and record the new hash here',
    ).toBe(GOLDEN);
  });

  it('stays the same where only a kind of event is added', () => {
    expect(viewsSchema).toBe(`views ${viewsShape}`);
    expect(shapeOf(viewsSchema)).toBe(viewsShape);
    const older = linesOf(emptyViews).filter((line) => line.includes('"is"'));
    expect(plain(decoded(older))).toEqual(plain(emptyViews));
  });

  it('has a step to it from every shape that was', () => {
    expect(upcasts).toHaveLength(viewsShape - 1);
    expect(shapeOf('views 1')).toBe(1);
    for (const unknown of [`views ${viewsShape + 1}`, 'views 0', 'views', 'views 1x', ''])
      expect(shapeOf(unknown)).toBeUndefined();
  });
});
