import type { Ledger } from '../ledger.ts';
import type { Store } from '../ports/store/store.ts';
import { namespaceStore } from './namespaces.ts';

/** Everything that containerd's services are served from. */
export const storeOf = (ledger: Ledger): Store => ({
  namespaces: namespaceStore(ledger),
});
