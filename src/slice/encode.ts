import { createHash } from 'node:crypto';
import { leafHash } from '../tlog/hash.ts';
import {
  END,
  encodeRecord,
  eventsPath,
  MANIFEST,
  type Manifest,
  SliceLimits,
  type SlicePart,
  statePath,
} from './format.ts';

/** What a slice is made of, in this order: one `begin`, `state` as there is, `events`. */
export type SlicePiece =
  | { readonly kind: 'begin'; readonly manifest: Manifest }
  | { readonly kind: 'state'; readonly lines: readonly string[] }
  | { readonly kind: 'events'; readonly events: readonly SlicedEvent[] };

export interface SlicedEvent {
  readonly entry: Uint8Array;
  /** What lies in the log, else JSON that stands for it. */
  readonly payload: Uint8Array;
  readonly standIn: boolean;
}

/** The parts of a slice, each made when it is asked for; holds about one of them at a time. */
export async function* sliceParts(pieces: AsyncIterable<SlicePiece>): AsyncGenerator<SlicePart> {
  const sums = new PartSums();
  const state = new Filling();
  const events = new Filling();
  let [stateParts, first, next, count, leftOut] = [0, 0, 0, 0, 0];
  for await (const piece of pieces) {
    switch (piece.kind) {
      case 'begin':
        first = piece.manifest.from;
        next = first;
        yield sums.add({
          path: MANIFEST,
          bytes: Buffer.from(`${JSON.stringify(piece.manifest, undefined, 1)}\n`),
        });
        break;
      case 'state':
        for (const line of piece.lines) {
          if (!state.add(Buffer.from(`${line}\n`))) continue;
          yield sums.add({ path: statePath(stateParts), bytes: state.take() });
          stateParts += 1;
        }
        break;
      case 'events':
        if (state.length > 0) yield sums.add({ path: statePath(stateParts), bytes: state.take() });
        for (const event of piece.events) {
          next += 1;
          count += 1;
          if (event.standIn) leftOut += 1;
          if (!events.add(encodeRecord({ ...event, leaf: leafHash(event.entry) }))) continue;
          yield sums.add({ path: eventsPath(first), bytes: events.take() });
          first = next;
        }
        break;
      default:
        piece satisfies never;
    }
  }
  if (events.length > 0) yield sums.add({ path: eventsPath(first), bytes: events.take() });
  const end = { events: count, leftOut, sha256: sums.digest() };
  yield { path: END, bytes: Buffer.from(`${JSON.stringify(end)}\n`) };
}

/** Bytes that a part is being made of. */
class Filling {
  #pieces: Buffer[] = [];
  length = 0;

  /** @returns whether there is enough for a part */
  add(bytes: Buffer): boolean {
    this.#pieces.push(bytes);
    this.length += bytes.length;
    return this.length >= SliceLimits.partBytes;
  }

  take(): Buffer {
    const taken = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.length = 0;
    return taken;
  }
}

/** The hash over all parts. */
export class PartSums {
  readonly #hash = createHash('sha256');

  add(part: SlicePart): SlicePart {
    this.#hash.update(`${part.path} ${part.bytes.length}\n`).update(part.bytes);
    return part;
  }

  /** Hexadecimal; once. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
