import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompactRange, coverOf, type Node } from '../../../src/tlog/compact-range.ts';
import { EMPTY_ROOT, type Hash, hashHex, leafHash } from '../../../src/tlog/hash.ts';
import {
  type NodeSource,
  proveConsistency,
  proveInclusion,
  proveRange,
  rootOfRange,
  verifyConsistency,
  verifyInclusion,
} from '../../../src/tlog/proof.ts';
import { naivePath, naiveProof, naiveRoot } from '../../support/merkle.ts';

const fromHex = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** The reference tree of Certificate Transparency, as its own test suites have it. */
const entries = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(fromHex);
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
/** Leaf (from 0), size, path. */
const publishedPaths: readonly [number, number, readonly string[]][] = [
  [
    0,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    5,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
  [
    1,
    5,
    [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
];
const publishedProofs: readonly [number, number, readonly string[]][] = [
  [1, 1, []],
  [
    1,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    6,
    8,
    [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [
    2,
    5,
    [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
];

const rangeOf = (leaves: readonly Uint8Array[], begin = 0, end = leaves.length): CompactRange => {
  const range = new CompactRange(begin);
  for (const entry of leaves.slice(begin, end)) range.append(leafHash(entry));
  return range;
};
const sourceOf =
  (leaves: readonly Uint8Array[]): NodeSource =>
  async (nodes) =>
    nodes.map(({ level, index }: Node) =>
      naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
    );
const some = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, at) => Buffer.from(`leaf ${at}`));
const rootHex = (leaves: readonly Uint8Array[]): string => hashHex(rangeOf(leaves).root());

describe('the published vectors of RFC 6962', () => {
  it('gives the hash of nothing to the empty tree', () => {
    expect(hashHex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hashHex(new CompactRange().root())).toBe(hashHex(EMPTY_ROOT));
  });

  it('has the roots of 1 to 8 leaves', () => {
    expect(roots.map((_, at) => rootHex(entries.slice(0, at + 1)))).toEqual(roots);
  });

  it.each(publishedPaths)('proves leaf %i in %i', async (index, size, path) => {
    const made = await proveInclusion(index, size, sourceOf(entries));
    expect(made.map(hashHex)).toEqual(path);
    const root = fromHex(roots[size - 1] ?? '');
    const leaf = leafHash(entries[index] ?? Buffer.of());
    expect(verifyInclusion(leaf, index, size, made, root)).toBe(true);
  });

  it.each(publishedProofs)('proves that %i begins %i', async (older, newer, proof) => {
    const made = await proveConsistency(older, newer, sourceOf(entries));
    expect(made.map(hashHex)).toEqual(proof);
    const head = (size: number) => ({ size, root: fromHex(roots[size - 1] ?? '') });
    expect(verifyConsistency(head(older), head(newer), made)).toBe(true);
  });
});

const sized = fc.integer({ min: 1, max: 70 });
const runs = { numRuns: 60 };

/** Everything near a proof that is not the proof. */
const spoilt = (proof: readonly Hash[], root: Hash): (readonly Hash[])[] => [
  [...proof, root],
  [root, ...proof],
  [...proof, Buffer.alloc(0)],
  ...proof.map((_, at) => proof.toSpliced(at, 1)),
  ...proof.map((_, at) => proof.toSpliced(at, 1, EMPTY_ROOT)),
];

describe('any tree', () => {
  it('has the root that the recursive definition gives', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 70 }), (leaves) => {
        expect(rootHex(leaves)).toBe(hashHex(naiveRoot(leaves)));
      }),
      runs,
    );
  });

  it('proves each leaf as the definition does, and nothing near it', async () => {
    await fc.assert(
      fc.asyncProperty(sized, fc.nat(), async (size, seed) => {
        const leaves = some(size);
        const index = seed % size;
        const root = naiveRoot(leaves);
        const leaf = leafHash(leaves[index] ?? Buffer.of());
        const proof = await proveInclusion(index, size, sourceOf(leaves));
        expect(proof).toEqual(naivePath(index, leaves));
        const holds = (at: number, of: number, path: readonly Hash[], of2: Hash = root) =>
          verifyInclusion(leaf, at, of, path, of2);
        expect(holds(index, size, proof)).toBe(true);
        for (const wrong of [index - 1, index + 1, index + 0.5, -1, size]) {
          expect(holds(wrong, size, proof)).toBe(false);
        }
        for (const wrong of spoilt(proof, root)) expect(holds(index, size, wrong)).toBe(false);
        expect(holds(index, size, proof, EMPTY_ROOT)).toBe(false);
        expect(verifyInclusion(EMPTY_ROOT, index, size, proof, root)).toBe(false);
      }),
      runs,
    );
  });

  it('proves each beginning as the definition does, and nothing near it', async () => {
    await fc.assert(
      fc.asyncProperty(sized, fc.nat(), async (size, seed) => {
        const leaves = some(size);
        const older = { size: 1 + (seed % size), root: naiveRoot(leaves.slice(0, 1 + (seed % size))) };
        const newer = { size, root: naiveRoot(leaves) };
        const proof = await proveConsistency(older.size, size, sourceOf(leaves));
        expect(proof).toEqual(naiveProof(older.size, leaves));
        expect(verifyConsistency(older, newer, proof)).toBe(true);
        for (const wrong of spoilt(proof, newer.root)) {
          expect(verifyConsistency(older, newer, wrong)).toBe(false);
        }
        expect(verifyConsistency({ ...older, root: EMPTY_ROOT }, newer, proof)).toBe(false);
        expect(verifyConsistency(older, { ...newer, root: EMPTY_ROOT }, proof)).toBe(false);
        if (older.size < size) {
          expect(verifyConsistency({ ...older, size: older.size + 1 }, newer, proof)).toBe(false);
          expect(verifyConsistency(newer, older, proof)).toBe(false);
        }
      }),
      runs,
    );
  });

  it('proves any leaves that stand together', async () => {
    await fc.assert(
      fc.asyncProperty(sized, fc.nat(), fc.nat(), async (size, one, other) => {
        const leaves = some(size);
        const [from = 0, to = 0] = [one % (size + 1), other % (size + 1)].sort((a, b) => a - b);
        const proof = await proveRange(from, to, size, sourceOf(leaves));
        const root = hashHex(naiveRoot(leaves));
        expect(hashHex(rootOfRange(rangeOf(leaves, from, to), size, proof))).toBe(root);
        if (from === to) return;
        const changed = leaves.with(from, Buffer.from('changed'));
        expect(hashHex(rootOfRange(rangeOf(changed, from, to), size, proof))).not.toBe(root);
      }),
      runs,
    );
  });

  it('can be put together from ranges, cut anywhere', () => {
    fc.assert(
      fc.property(sized, fc.nat(), fc.nat(), (size, one, other) => {
        const leaves = some(size);
        const [a = 0, b = 0] = [one % (size + 1), other % (size + 1)].sort((x, y) => x - y);
        const middle = rangeOf(leaves, a, b);
        expect(middle.hashes).toEqual(
          coverOf(a, b).map(({ level, index }) =>
            naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level)),
          ),
        );
        const whole = rangeOf(leaves, 0, a);
        middle.merge(CompactRange.of(b, size, rangeOf(leaves, b, size).hashes));
        whole.merge(middle);
        expect(hashHex(whole.root())).toBe(hashHex(naiveRoot(leaves)));
      }),
      runs,
    );
  });
});

it('counts beyond 32 bits', () => {
  const end = 2 ** 40 + 3;
  const hashes = coverOf(0, end).map(() => EMPTY_ROOT);
  expect(coverOf(0, end)).toEqual([
    { level: 40, index: 0 },
    { level: 1, index: 2 ** 39 },
    { level: 0, index: 2 ** 40 + 2 },
  ]);
  const range = CompactRange.of(0, end, hashes);
  range.append(EMPTY_ROOT);
  expect(range.hashes).toHaveLength(2);
  expect(range.end).toBe(2 ** 40 + 4);
});

it('says what is asked of it that no tree has', async () => {
  expect(() => proveInclusion(8, 8, sourceOf(entries))).toThrow('leaf 8 is not in a tree of 8 leaves');
  expect(() => proveConsistency(9, 8, sourceOf(entries))).toThrow('no beginning of one of 8');
  await expect(proveRange(3, 9, 8, sourceOf(entries))).rejects.toThrow('not in a tree of 8');
  expect(() => new CompactRange(3).root()).toThrow('a range from 3 has no root');
  expect(() => new CompactRange().merge(new CompactRange(3))).toThrow('does not follow');
  expect(() => CompactRange.of(0, 3, [EMPTY_ROOT])).toThrow('covered by 2 hashes, not 1');
});
