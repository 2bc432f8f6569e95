import { listBlobs, listLeases, listNamespaces, listSnapshots } from '../../projections/resources.ts';
import type { ResourcesApi } from '../ports/resources-api.ts';
import { type Engine, orThrow } from './engine.ts';
import { momentOf, viewsAt } from './past.ts';

/** What images and containers are made of, and what keeps it. */
export const resourcesApi = (engine: Engine): ResourcesApi => ({
  moment: (at) => momentOf(engine, at),
  snapshots: async ({ namespace, filters, at }, signal) =>
    orThrow(listSnapshots((await viewsAt(engine, at, signal)).world, namespace, filters)),
  content: async ({ namespace, filters, at }, signal) =>
    orThrow(listBlobs((await viewsAt(engine, at, signal)).world, namespace, filters)),
  leases: async ({ namespace, filters, at }, signal) =>
    orThrow(listLeases((await viewsAt(engine, at, signal)).world, namespace, filters)),
  namespaces: async ({ filters, at }, signal) =>
    orThrow(listNamespaces((await viewsAt(engine, at, signal)).world, filters)),
});
