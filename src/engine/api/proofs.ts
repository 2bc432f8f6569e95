import type { KeyView, ProofsApi } from '../ports/proofs.ts';
import { type SliceParts, slice } from './slice.ts';

/** What the log can prove. */
export const proofsApi = (parts: SliceParts): ProofsApi => {
  const { log, ledger, heads, notary } = parts;
  const keyView = (): KeyView => ledger.durable.world.signing;
  return {
    head: async ({ fresh }) => (fresh ? undefined : await heads.latest()) ?? notary.sign(true),
    heads: (since) => heads.heads(since),
    proveEvent: async (at, size) => {
      // The newest head may be some seconds old; an event that is durable can be proven at once.
      if (size === undefined && at < log.durable) await notary.covering((at + 1n) as typeof at);
      return heads.proveEvent(at, size);
    },
    proveConsistency: (older, newer) => heads.proveConsistency(older, newer),
    tiles: () => heads.tiles(),
    slice: (query, call) => slice(parts, query, call),
    keys: keyView,
    rotateKey: async ({ cause }) => {
      await notary.rotate(cause);
      return keyView();
    },
    replaceKey: async ({ cause }) => {
      await notary.replace(cause);
      return keyView();
    },
  };
};
