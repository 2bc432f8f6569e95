import { listBlobs, listLeases, listNamespaces, listSnapshots } from '../../projections/resources.ts';
import type { ResourcesApi } from '../ports/resources-api.ts';
import { type Engine, orThrow } from './engine.ts';
import { momentOf, viewsAt } from './past.ts';

/** What images and containers are made of, and what keeps it. */
export const resourcesApi = (engine: Engine): ResourcesApi => ({
  moment: (at) => momentOf(engine, at),
  snapshots: async ({ namespace, filters, at }) =>
    orThrow(listSnapshots((await viewsAt(engine, at)).world, namespace, filters)),
  content: async ({ namespace, filters, at }) =>
    orThrow(listBlobs((await viewsAt(engine, at)).world, namespace, filters)),
  leases: async ({ namespace, filters, at }) =>
    orThrow(listLeases((await viewsAt(engine, at)).world, namespace, filters)),
  namespaces: async ({ filters, at }) => orThrow(listNamespaces((await viewsAt(engine, at)).world, filters)),
});
