import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCheckpoints } from '../../src/adapters/checkpoints/directory.ts';
import type { Envelope } from '../../src/domain/envelope.ts';
import { position } from '../../src/domain/identity.ts';
import { factOf } from '../../src/engine/facts.ts';
import { emptyViews, evolveViews } from '../../src/engine/views.ts';
import { shapeOf, ViewsDecoder, viewsShape } from '../../src/engine/views-codec.ts';
import { plain } from '../support/plain.ts';
import { makeTempDir } from '../support/temp-dir.ts';

/**
 * Where a log was pruned, nothing can make the checkpoint at its horizon again: what any version wrote must be read for
 * ever. Each of these files holds the views of the golden events that there were when it was written.
 */
const golden = join(import.meta.dirname, '../golden');
const shapes = Array.from({ length: viewsShape }, (_, before) => before + 1);

it.each(shapes)('a checkpoint of shape %i gives the views that a fold gives today', async (shape) => {
  const copy = makeTempDir('golden-checkpoint');
  try {
    cpSync(join(golden, `checkpoint-${shape}`), copy.path, { recursive: true });
    const checkpoints = await openCheckpoints(copy.path);
    const [kept] = checkpoints.list();
    if (kept === undefined) throw new Error(`there is no golden checkpoint of shape ${shape}`);
    const { header, lines } = await checkpoints.open(kept.position);
    expect(shapeOf(header.schema)).toBe(shape);
    const decoder = new ViewsDecoder(shape);
    for await (const batch of lines) for (const line of batch) decoder.take(line);
    const events = readFileSync(join(golden, 'events.jsonl'), 'utf8')
      .split('\n')
      .slice(0, Number(kept.position));
    const folded = events
      .map((line, at) => factOf({ ...(JSON.parse(line) as Envelope), position: position(BigInt(at)) }))
      .reduce(evolveViews, emptyViews);
    expect(plain(decoder.views())).toEqual(plain(folded));
  } finally {
    copy.remove();
  }
});
