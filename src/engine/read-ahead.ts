import { turn } from './turn.ts';
import type { Views } from './views.ts';

/** Nodes read before others get their turn: about a millisecond. */
const SLICE = 128;

/**
 * Reads the references that loading saved views left as text, and works out who is kept by whom, so that the first change
 * after a start need not. Records of the world stay text until somebody looks at them.
 */
export const readAhead = async ({ references }: Views, signal: AbortSignal): Promise<void> => {
  let read = 0;
  for (const { out } of references.nodes.values()) {
    read += Math.max(1, out.size);
    if (read < SLICE) continue;
    read = 0;
    await turn();
    if (signal.aborted) return;
  }
  for (const map of [references.incoming, references.pins, references.named]) void map.size;
};
