import type { Ledger } from '../ledger.ts';
import type { Notary } from '../notary.ts';
import type { Log } from '../ports/log.ts';
import type { KeyView, ProofsApi, TreeHeads } from '../ports/proofs.ts';

export interface ProofParts {
  readonly log: Log;
  readonly ledger: Ledger;
  readonly heads: TreeHeads;
  readonly notary: Notary;
}

/** What the log can prove. */
export const proofsApi = ({ log, ledger, heads, notary }: ProofParts): ProofsApi => {
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
