import { join } from 'node:path';
import { type Position, position, type Timestamp } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { HeadCheck, LeafSource, ProofDocument, TreeHead, TreeHeads } from '../../engine/ports/proofs.ts';
import { formatCheckpoint, parseCheckpoint, timeLine } from '../../tlog/checkpoint.ts';
import { CompactRange, coverOf } from '../../tlog/compact-range.ts';
import { formatConsistencyProof, formatEventProof } from '../../tlog/document.ts';
import { TlogError } from '../../tlog/error.ts';
import { HASH_BYTES, type Hash, leafHash, sameHash } from '../../tlog/hash.ts';
import { parseVerifier, type Verifier } from '../../tlog/key.ts';
import { openNote, parseNote, signNote } from '../../tlog/note.ts';
import {
  proveConsistency,
  proveInclusion,
  proveRange,
  type RangeProof,
  rootOfRange,
  verifyConsistency,
  verifyInclusion,
} from '../../tlog/proof.ts';
import { encodeBundle, TILE_WIDTH, tilePath, tilesSince } from '../../tlog/tile.ts';
import { checkHeads, type HeadToCheck } from './check-heads.ts';
import { HeadFiles, headOf } from './head-files.ts';
import { KeyFiles } from './key-files.ts';
import { LogTree, MissingTile } from './log-tree.ts';
import { TileFiles } from './tile-files.ts';

export interface TreeHeadsOptions {
  /** The log's folder; `tree` and `heads` are made in it. */
  readonly directory: string;
  readonly keysDirectory: string;
  readonly leaves: LeafSource;
  /** First position of the log that can be read, asked each time. */
  readonly horizon: () => Position;
}

/** The tree over a log of files, its tiles, and its heads. */
export const createTreeHeads = (options: TreeHeadsOptions): TreeHeads => {
  const { directory, keysDirectory, leaves, horizon } = options;
  const keys = new KeyFiles(keysDirectory);
  const heads = new HeadFiles(join(directory, 'heads'));
  const tree = new LogTree(leaves, new TileFiles(join(directory, 'tree')));
  const inTurn = turns();

  /** Makes a proof; where the tiles don't give one that holds, makes the tiles again first. */
  const proven = async (
    head: TreeHead,
    make: () => Promise<readonly Hash[]>,
    holds: (proof: readonly Hash[]) => boolean,
  ): Promise<readonly Hash[]> => {
    const found = await tryProof(make);
    if (found !== undefined && holds(found)) return found;
    const newest = (await heads.latest()) ?? head;
    const rebuilt = await tree.rebuild({ size: Number(newest.size), root: newest.root }, Number(horizon()));
    const again = rebuilt ? await tryProof(make) : undefined;
    if (again !== undefined && holds(again)) return again;
    throw new Rejection(
      'data-loss',
      `the log does not lead to the head that was signed at ${newest.size} events; see 'shiplog log verify'`,
    );
  };

  const headOfSize = async (size: Position): Promise<TreeHead> => {
    const found = await heads.find(size);
    if (found !== undefined) return found;
    throw new Rejection(
      'not-found',
      `no head of ${size} events was signed; 'shiplog log head --all' lists those that were`,
    );
  };

  const signed = async (order: { size: Position; wall: Timestamp; vkeys: readonly string[] }) => {
    const current = order.vkeys.at(-1);
    const all = await keys.signers();
    const signers = order.vkeys.map((vkey) => {
      const signer = all.find(({ verifier }) => verifier.vkey === vkey);
      if (signer === undefined)
        throw new Rejection('failed-precondition', `the private key of ${vkey} is gone`);
      return signer;
    });
    if (current === undefined) throw new Rejection('internal', 'a head is signed with at least one key');
    const origin = parseVerifier(current).name;
    const latest = await heads.latest();
    if (latest !== undefined) await goOn(latest, order.size, origin);
    const root = await tree.growTo(Number(order.size));
    const extensions = [timeLine(order.wall)];
    const text = formatCheckpoint({ origin, size: Number(order.size), root, extensions });
    return heads.append(signNote(text, signers));
  };

  /** @throws Rejection `failed-precondition` where a head would contradict one that was signed under the same name */
  const goOn = async (latest: TreeHead, size: Position, origin: string): Promise<void> => {
    if (latest.size <= size && (await tree.resume(known(latest), Number(horizon())))) return;
    if (originOf(latest) !== origin) return tree.reset();
    throw new Rejection(
      'failed-precondition',
      `a head of ${latest.size} events was signed that the log does not lead to; see 'shiplog log verify'`,
    );
  };

  const proveEvent = async (at: Position, size?: Position): Promise<ProofDocument> => {
    const head = size === undefined ? await heads.latest() : await headOfSize(size);
    if (head === undefined || at >= head.size) {
      throw new Rejection(
        'not-found',
        `no signed head covers position ${at}${head ? `; this one has ${head.size} events` : ''}`,
      );
    }
    const { entry, data } = await entryAt(leaves, at);
    const { root } = parseHead(head);
    const index = Number(at);
    const count = Number(head.size);
    const hashes = await proven(
      head,
      () => proveInclusion(index, count, tree.source(count)),
      (proof) => verifyInclusion(leafHash(entry), index, count, proof, root),
    );
    return {
      text: formatEventProof({ head: head.note, index, entry, data, hashes, vkey: await hint() }),
      head,
    };
  };

  const prove = async (older: Position, newer: Position): Promise<ProofDocument> => {
    const [from, to] = [await headOfSize(older), await headOfSize(newer)];
    const hashes = await proven(
      to,
      () => proveConsistency(Number(older), Number(newer), tree.source(Number(newer))),
      (proof) => verifyConsistency(parseHead(from), parseHead(to), proof),
    );
    const text = formatConsistencyProof({ older: from.note, newer: to.note, hashes, vkey: await hint() });
    return { text, head: to };
  };

  const range = async (from: Position, to: Position, head: TreeHead): Promise<RangeProof> => {
    const [begin, end, size] = [Number(from), Number(to), Number(head.size)];
    const within = new CompactRange(begin);
    for await (const { hashes } of leaves.leaves(from, to)) {
      for (let at = 0; at < hashes.length; at += HASH_BYTES) within.append(hashes.slice(at, at + HASH_BYTES));
    }
    const split = coverOf(0, begin).length;
    const proofOf = (hashes: readonly Hash[]): RangeProof => ({
      left: hashes.slice(0, split),
      right: hashes.slice(split),
    });
    const { root } = parseHead(head);
    const hashes = await proven(
      head,
      async () => {
        const { left, right } = await proveRange(begin, end, size, tree.source(size));
        return [...left, ...right];
      },
      (proof) => sameHash(rootOfRange(within, size, proofOf(proof)), root),
    );
    return proofOf(hashes);
  };

  const hint = async (): Promise<string> => (await keys.signers()).at(-1)?.verifier.vkey ?? '';

  return {
    keys: async () => (await keys.signers()).map(({ verifier }) => verifier.vkey),
    makeKey: (name) => keys.make(name),
    forgetKeys: async (vkeys) => {
      for (const vkey of vkeys) await keys.forget(vkey);
    },
    latest: () => heads.latest(),
    async *heads(since) {
      for await (const head of heads.all()) if (since === undefined || head.time >= since) yield head;
    },
    check: (durable) =>
      inTurn(async () => {
        const latest = await heads.latest();
        if (latest === undefined) return undefined;
        if (latest.size > durable) {
          const detail = `the log has ${durable} events, and a head of ${latest.size} was signed`;
          return { what: 'log-shorter' as const, detail };
        }
        if (await tree.resume(known(latest), Number(horizon()))) return undefined;
        const detail = `the first ${latest.size} events give another root than the head that was signed`;
        return { what: 'log-different' as const, detail };
      }),
    sign: (order) => inTurn(() => signed(order)),
    proveEvent: (at, size) => inTurn(() => proveEvent(at, size)),
    proveConsistency: (older, newer) => inTurn(() => prove(older, newer)),
    proveRange: (from, to, head) => inTurn(() => range(from, to, head)),
    checking: async ({ horizon: from, vkeys, notes }) => {
      try {
        const verifiers = vkeys.map(parseVerifier);
        const toCheck: HeadToCheck[] = [];
        for (const note of notes) toCheck.push({ ...headOpened(note, verifiers), given: true });
        for await (const head of heads.all())
          toCheck.push({ ...headOpened(head.note, verifiers), given: false });
        return await checkHeads({ heads: toCheck, horizon: from, leaves, tree });
      } catch (error) {
        if (error instanceof TlogError) return settled(error.message);
        if (!(error instanceof MissingTile)) throw error;
        return settled(`${error.message}, and the events below ${from} that it was made of were pruned`);
      }
    },
    async *tiles() {
      const head = await heads.latest();
      if (head === undefined)
        throw new Rejection('not-found', 'no head was signed yet; try again in a moment');
      const size = Number(head.size);
      for (const tile of tilesSince(0, size)) yield { path: tilePath(tile), bytes: await tree.tile(tile) };
      yield* bundles(leaves, Number(horizon()), size);
      yield { path: 'checkpoint', bytes: Buffer.from(head.note) };
    },
  };
};

/** A check that can only come out one way. */
const settled = (message: string): HeadCheck => ({
  take: async () => undefined,
  verdict: async () => ({ ok: false, message }),
});

/** A tile is missing, or one is too short: then there is no proof yet. */
const tryProof = async (make: () => Promise<readonly Hash[]>): Promise<readonly Hash[] | undefined> => {
  try {
    return await make();
  } catch (error) {
    if (error instanceof MissingTile || error instanceof TlogError) return undefined;
    throw error;
  }
};

const originOf = ({ note }: TreeHead): string => parseCheckpoint(parseNote(note).text).origin;
const known = ({ size, root }: TreeHead) => ({ size: Number(size), root });
const parseHead = ({ size, root }: TreeHead) => ({ size: Number(size), root: Buffer.from(root, 'hex') });

/** @throws TlogError for a note that none of the keys has signed */
const headOpened = (note: string, verifiers: readonly Verifier[]): TreeHead => {
  parseCheckpoint(openNote(note, verifiers).text);
  return headOf(note);
};

const entryAt = async (leaves: LeafSource, at: Position) => {
  for await (const [found] of leaves.entries(at, position(at + 1n))) if (found !== undefined) return found;
  throw new Rejection('not-found', `there is no event at position ${at}`);
};

/** Entry bundles; those that reach below the horizon are gone with what was pruned. */
async function* bundles(leaves: LeafSource, horizon: number, size: number) {
  for (let first = Math.ceil(horizon / TILE_WIDTH) * TILE_WIDTH; first < size; first += TILE_WIDTH) {
    const end = Math.min(first + TILE_WIDTH, size);
    const entries: Uint8Array[] = [];
    for await (const some of leaves.entries(position(BigInt(first)), position(BigInt(end)))) {
      for (const { entry } of some) entries.push(entry);
    }
    const tile = { level: 'entries', index: first / TILE_WIDTH, width: end - first } as const;
    yield { path: tilePath(tile), bytes: encodeBundle(entries) };
  }
}

/** Lets one piece of work begin when the one before has ended, well or not. */
const turns = (): (<T>(work: () => Promise<T>) => Promise<T>) => {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const begun = last.then(work, work);
    last = begun;
    return begun;
  };
};
