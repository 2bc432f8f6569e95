import type { Recorded } from '../../domain/envelope.ts';
import { type LogQuery, matchesQuery } from '../../domain/log-query.ts';

/** The events among these that a query asks for: how a log without an index answers one. Gives no empty batch. */
export async function* matching(
  batches: AsyncIterable<readonly Recorded[]>,
  query: LogQuery | undefined,
): AsyncGenerator<readonly Recorded[]> {
  if (query === undefined) {
    yield* batches;
    return;
  }
  for await (const batch of batches) {
    const found = batch.filter((event) => matchesQuery(query, event));
    if (found.length > 0) yield found;
  }
}
