import { expect, it } from 'vitest';
import { PersistentMap } from '../../../src/domain/persistent-map.ts';
import { readAhead } from '../../../src/engine/read-ahead.ts';
import { emptyViews, type Views } from '../../../src/engine/views.ts';
import { graphOf, type ReferenceNode } from '../../../src/projections/reference-graph.ts';

/** Views with references as loading them leaves them, and how many of them were read. */
const loaded = (count: number) => {
  const seen = { read: 0 };
  const nodes = PersistentMap.late<ReferenceNode>(
    Array.from({ length: count }, (_, index) => [`image/default/${index}`, '']),
    () => {
      seen.read += 1;
      return { root: true, out: PersistentMap.empty() };
    },
  );
  const references = graphOf({ nodes, free: PersistentMap.empty(), suspects: PersistentMap.empty() });
  const views: Views = { ...emptyViews, references };
  return { views, seen };
};

it('reads all references, and lets others have their turn meanwhile', async () => {
  const { views, seen } = loaded(1000);
  const reading = readAhead(views, new AbortController().signal);
  expect(seen.read).toBeLessThan(1000);
  expect(seen.read).toBeGreaterThan(0);
  await reading;
  expect(seen.read).toBe(1000);
  expect(views.references.incoming.size).toBe(0);
});

it('stops with the daemon', async () => {
  const { views, seen } = loaded(1000);
  const stopping = new AbortController();
  const reading = readAhead(views, stopping.signal);
  stopping.abort();
  await reading;
  expect(seen.read).toBeLessThan(1000);
});
