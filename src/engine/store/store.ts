import type { Store } from '../ports/store/store.ts';
import { namespaceStore } from './namespaces.ts';
import type { StoreParts } from './parts.ts';

/** Everything that containerd's services are served from. */
export const storeOf = (parts: StoreParts): Store => ({
  namespaces: namespaceStore(parts.ledger),
});
