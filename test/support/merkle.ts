import { createHash } from 'node:crypto';

/** RFC 6962, section 2.1, word for word and as slow: what the quick code is held to. */

const sha256 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

const split = (size: number): number => {
  let k = 1;
  while (k * 2 < size) k *= 2;
  return k;
};

/** MTH(D[n]) over entries. */
export const naiveRoot = (entries: readonly Uint8Array[]): Buffer => {
  const [only] = entries;
  if (only === undefined) return sha256();
  if (entries.length === 1) return sha256(Buffer.of(0), only);
  const k = split(entries.length);
  return sha256(Buffer.of(1), naiveRoot(entries.slice(0, k)), naiveRoot(entries.slice(k)));
};

/** PATH(m, D[n]). */
export const naivePath = (m: number, entries: readonly Uint8Array[]): Buffer[] => {
  if (entries.length <= 1) return [];
  const k = split(entries.length);
  const [left, right] = [entries.slice(0, k), entries.slice(k)];
  return m < k ? [...naivePath(m, left), naiveRoot(right)] : [...naivePath(m - k, right), naiveRoot(left)];
};

/** PROOF(m, D[n]). */
export const naiveProof = (m: number, entries: readonly Uint8Array[]): Buffer[] =>
  naiveSubproof(m, entries, true);

const naiveSubproof = (m: number, entries: readonly Uint8Array[], whole: boolean): Buffer[] => {
  if (m === entries.length) return whole ? [] : [naiveRoot(entries)];
  const k = split(entries.length);
  const [left, right] = [entries.slice(0, k), entries.slice(k)];
  return m <= k
    ? [...naiveSubproof(m, left, whole), naiveRoot(right)]
    : [...naiveSubproof(m - k, right, false), naiveRoot(left)];
};
