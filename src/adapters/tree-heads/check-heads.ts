import { setImmediate as turn } from 'node:timers/promises';
import { type Position, position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { HeadCheck, LeafSource, TreeHead, Verdict } from '../../engine/ports/proofs.ts';
import { CompactRange, coverOf } from '../../tlog/compact-range.ts';
import { HASH_BYTES, type Hash, hashHex, sameHash } from '../../tlog/hash.ts';
import { TILE_WIDTH } from '../../tlog/tile.ts';
import type { LogTree } from './log-tree.ts';

/** A head that the log is held against. */
export interface HeadToCheck extends TreeHead {
  /** Was it given by whoever asks? Else it was found beside the log. */
  readonly given: boolean;
}

export interface CheckOrder {
  readonly heads: readonly HeadToCheck[];
  readonly horizon: Position;
  /** To look again at a stretch that is not as signed. */
  readonly leaves: LeafSource;
  readonly tree: LogTree;
}

/**
 * Begins to hold a log against signed heads.
 * @throws MissingTile where what the tree was below the horizon is not known any more
 */
export const checkHeads = async (order: CheckOrder): Promise<HeadCheck> => {
  const { horizon, tree } = order;
  const begin = Number(horizon);
  // Below the horizon there is only what the tiles remember; a head from there on shows if they remember wrongly.
  const below = CompactRange.of(0, begin, await tree.source(begin)(coverOf(0, begin)));
  return new HeadsInOrder(order, below);
};

/** Leaves hashed between two turns of the event loop. */
const SLICE = 2048;

/** The tree grows leaf by leaf; at the size of each head its root is compared. */
class HeadsInOrder implements HeadCheck {
  readonly #order: CheckOrder;
  readonly #below: CompactRange;
  /** Not below the horizon, smallest first. */
  readonly #due: readonly HeadToCheck[];
  readonly #anyGiven: boolean;
  #range: CompactRange;
  /** Number of the head that comes next. */
  #at = 0;
  /** How far the log is known to be as it was signed. */
  #held: Position;
  #wrong: HeadToCheck | undefined;

  constructor(order: CheckOrder, below: CompactRange) {
    const { heads, horizon } = order;
    this.#order = order;
    this.#below = below;
    this.#due = heads
      .filter(({ size }) => size >= horizon)
      .sort((one, other) => Number(one.size - other.size));
    this.#anyGiven = heads.some(({ given }) => given);
    this.#range = below.copy();
    this.#held = horizon;
  }

  async take(hashes: Uint8Array, first: number): Promise<void> {
    if (first === this.#below.end) this.#begin();
    if (this.#wrong !== undefined) return;
    if (first !== this.#range.end) {
      const why = `it is being pruned or restored: its files begin at ${first}, and it began at ${this.#below.end}`;
      throw new Rejection('aborted', `verifying the log: ${why}; verify it again`);
    }
    this.#compare();
    for (let offset = 0; offset < hashes.length && this.#wrong === undefined; offset += HASH_BYTES) {
      this.#range.append(hashes.subarray(offset, offset + HASH_BYTES));
      if (Number(this.#due[this.#at]?.size ?? -1) === this.#range.end) this.#compare();
      if ((offset / HASH_BYTES) % SLICE === SLICE - 1) await turn();
    }
  }

  async verdict(): Promise<Verdict> {
    if (this.#wrong === undefined) this.#compare();
    if (this.#wrong !== undefined) return parted(this.#order, this.#wrong, this.#held);
    const end = position(BigInt(this.#range.end));
    const beyond = this.#due[this.#at];
    if (beyond !== undefined) return cutShort(beyond, end);
    const below = this.#order.heads.length - this.#due.length;
    return {
      ok: true,
      message:
        `the tree over ${end} events has the root of each of ${this.#due.length} signed heads` +
        (below === 0 ? '' : `; ${below} heads are of what was pruned`),
    };
  }

  #begin(): void {
    this.#range = this.#below.copy();
    this.#at = 0;
    this.#held = this.#order.horizon;
    this.#wrong = undefined;
  }

  /** Compares the root with that of each head of this size. */
  #compare(): void {
    for (
      let head = this.#due[this.#at];
      head !== undefined && Number(head.size) === this.#range.end;
      head = this.#due[this.#at]
    ) {
      if (hashHex(this.#range.root()) !== head.root) {
        this.#wrong = head;
        return;
      }
      if (head.given || !this.#anyGiven) this.#held = head.size;
      this.#at += 1;
    }
  }
}

const named = (head: HeadToCheck): string =>
  `${head.given ? 'the head that was given' : 'a head kept beside the log'}, of ${head.size} events`;

const cutShort = (head: HeadToCheck, end: Position): Verdict => ({
  ok: false,
  position: end,
  message: `the log was cut short: it ends before position ${end}, and ${named(head)}, was signed`,
});

/** Names the first event that differs: the tiles may remember what was signed. */
const parted = async (order: CheckOrder, head: HeadToCheck, held: Position): Promise<Verdict> => {
  const first = await firstDifference(order, held, head.size);
  const what = `the log is not the one that was signed: it gives another root than ${named(head)}`;
  if (first !== undefined) {
    return { ok: false, position: first, message: `${what}; event ${first} is the first that differs` };
  }
  return {
    ok: false,
    position: held,
    message: `${what}; the first event that differs is from position ${held} on, below ${head.size}. The tiles here were changed with it: compare with a copy made by 'shiplog log tiles', or give more heads`,
  };
};

/** @param to not beyond what was hashed */
const firstDifference = async (
  { leaves, tree }: CheckOrder,
  from: Position,
  to: Position,
): Promise<Position | undefined> => {
  for await (const { first, hashes } of leaves.leaves(from, to)) {
    for (let offset = 0; offset < hashes.length; offset += HASH_BYTES) {
      const at = Number(first) + offset / HASH_BYTES;
      const kept = await keptLeaf(tree, at);
      if (kept === undefined) return undefined;
      if (!sameHash(kept, hashes.subarray(offset, offset + HASH_BYTES))) return position(BigInt(at));
    }
  }
  return undefined;
};

const keptLeaf = async (tree: LogTree, at: number): Promise<Hash | undefined> => {
  const index = Math.floor(at / TILE_WIDTH);
  const within = at % TILE_WIDTH;
  const bytes = await tree.peek({ level: 0, index, width: within + 1 });
  return bytes?.subarray(within * HASH_BYTES, (within + 1) * HASH_BYTES);
};
