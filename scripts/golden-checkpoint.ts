import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openCheckpoints } from '../src/adapters/checkpoints/directory.ts';
import type { Envelope } from '../src/domain/envelope.ts';
import { position } from '../src/domain/identity.ts';
import { factOf } from '../src/engine/facts.ts';
import { emptyViews, evolveViews } from '../src/engine/views.ts';
import { encodeViews, viewsSchema, viewsShape } from '../src/engine/views-codec.ts';

/**
 * Writes a checkpoint of today's shape, of all golden events, where there is none of that shape yet.
 * @param golden the folder of golden files
 * @param lines of events.jsonl
 */
export const writeGoldenCheckpoint = async (golden: string, lines: readonly string[]): Promise<void> => {
  const folder = join(golden, `checkpoint-${viewsShape}`);
  if (existsSync(folder)) return;
  const views = lines
    .map((line, at) => factOf({ ...(JSON.parse(line) as Envelope), position: position(BigInt(at)) }))
    .reduce(evolveViews, emptyViews);
  const checkpoints = await openCheckpoints(folder);
  const header = { position: views.world.position, schema: viewsSchema, last: 'the last golden event' };
  await checkpoints.save(header, encodeViews(views));
};
