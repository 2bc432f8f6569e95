import type { Namespace } from '../../domain/identity.ts';
import type { World } from '../../domain/world.ts';
import type { Ledger } from '../ledger.ts';
import type { NamespaceInfo, NamespaceStore } from '../ports/store/namespaces.ts';
import { replacing } from './labels.ts';

export const namespaceStore = (ledger: Ledger): NamespaceStore => {
  // As containerd does: a namespace that nobody made has no labels. Its clients ask for them before their first call.
  const get = (name: Namespace): NamespaceInfo => find(ledger.durable.world, name) ?? { name, labels: {} };
  return {
    get,
    list: () => {
      const { world } = ledger.durable;
      const names = new Set([...world.namespace.keys(), ...world.population.keys()]) as Set<Namespace>;
      return [...names].sort().flatMap((name) => find(world, name) ?? []);
    },
    create: async ({ name, labels }, { cause }) => {
      await ledger.dispatch([{ type: 'create-namespace', namespace: name, labels }], cause);
      return get(name);
    },
    update: async ({ name, labels }, replace, { cause }) => {
      const present = find(ledger.head.world, name)?.labels ?? {};
      const changes = replace ? replacing(present, labels) : labels;
      await ledger.dispatch([{ type: 'label-namespace', namespace: name, labels: changes }], cause);
      return get(name);
    },
    delete: async (name, { cause }) => {
      await ledger.dispatch([{ type: 'remove-namespace', namespace: name }], cause);
    },
  };
};

const find = (world: World, name: Namespace): NamespaceInfo | undefined => {
  const record = world.namespace.get(name);
  if (record === undefined && !world.population.has(name)) return undefined;
  return { name, labels: record?.labels ?? {} };
};
