import { type Position, position } from '../../domain/identity.ts';
import type { LeafSource, TreeHead, Verdict } from '../../engine/ports/proofs.ts';
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
  readonly durable: Position;
  readonly horizon: Position;
  readonly leaves: LeafSource;
  readonly tree: LogTree;
  readonly progress: (checked: number) => void;
}

/** Holds the whole log against signed heads, in one pass. */
export const checkHeads = async (order: CheckOrder): Promise<Verdict> => {
  const { durable, horizon, leaves, tree, progress } = order;
  const begin = Number(horizon);
  // Below the horizon there is only what the tiles remember; a head from there on shows if they remember wrongly.
  const range = CompactRange.of(0, begin, await tree.source(begin)(coverOf(0, begin)));
  const due = [...order.heads].sort((one, other) => Number(one.size - other.size));
  let at = due.findIndex(({ size }) => size >= horizon);
  let held: Position = horizon;
  const checkDue = async (): Promise<Verdict | undefined> => {
    for (
      let head = due[at];
      at !== -1 && head !== undefined && Number(head.size) === range.end;
      head = due[at]
    ) {
      if (hashHex(range.root()) !== head.root) return parted(order, head, held);
      if (head.given || !order.heads.some(({ given }) => given)) held = head.size;
      at += 1;
    }
    return undefined;
  };
  const wrong = await checkDue();
  if (wrong !== undefined) return wrong;
  for await (const { hashes } of leaves.leaves(horizon, durable)) {
    for (let offset = 0; offset < hashes.length; offset += HASH_BYTES) {
      range.append(hashes.slice(offset, offset + HASH_BYTES));
      if (at === -1 || Number(due[at]?.size ?? -1) !== range.end) continue;
      const found = await checkDue();
      if (found !== undefined) return found;
    }
    progress(range.end);
  }
  const beyond = at === -1 ? undefined : due[at];
  if (beyond !== undefined) return cutShort(beyond, durable);
  const checked = due.filter(({ size }) => size >= horizon).length;
  const below = due.length - checked;
  return {
    ok: true,
    message:
      `the tree over ${durable} events has the root of each of ${checked} signed heads` +
      (below === 0 ? '' : `; ${below} heads are of what was pruned`),
  };
};

const named = (head: HeadToCheck): string =>
  `${head.given ? 'the head that was given' : 'a head kept beside the log'}, of ${head.size} events`;

const cutShort = (head: HeadToCheck, durable: Position): Verdict => ({
  ok: false,
  position: durable,
  message: `the log was cut short: it ends before position ${durable}, and ${named(head)}, was signed`,
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

const firstDifference = async (
  { leaves, tree, durable }: CheckOrder,
  from: Position,
  to: Position,
): Promise<Position | undefined> => {
  const end = to < durable ? to : durable;
  for await (const { first, hashes } of leaves.leaves(from, end)) {
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
