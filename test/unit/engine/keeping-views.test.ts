import { expect, it } from 'vitest';
import { keepingEvents } from '../../../src/domain/keeping.ts';
import { emptyViews, evolveViews } from '../../../src/engine/views.ts';
import { encodeViews, ViewsDecoder } from '../../../src/engine/views-codec.ts';
import { eventFrom, factOf } from '../../support/given.ts';
import { plain } from '../../support/plain.ts';

it('what is kept of a log survives being saved', () => {
  const { 'log-restored': restored, ...kept } = keepingEvents;
  const facts = Object.entries(kept).map(([type, { example }], n) =>
    factOf(eventFrom({ type, data: example } as never), n),
  );
  const views = facts.reduce(evolveViews, emptyViews);
  const { keeping } = views.world;
  expect([keeping.horizon, keeping.prunedAt, keeping.recent.length]).toEqual([120_000n, 2n, 1]);
  expect([keeping.archives.size, keeping.redactions.size]).toEqual([1, 1]);
  const decoder = new ViewsDecoder();
  for (const line of encodeViews(views)) decoder.take(line);
  expect(plain(decoder.views())).toEqual(plain(views));
  const back = factOf(eventFrom({ type: 'log-restored', data: restored.example }), facts.length);
  expect(evolveViews(views, back).world.keeping).toMatchObject({ horizon: 0n, prunedAt: 0n });
});
