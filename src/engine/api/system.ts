import type { Fact } from '../../domain/event.ts';
import type { Namespace, Timestamp } from '../../domain/identity.ts';
import { blobsLetGo, thingsOf } from '../../domain/let-go.ts';
import type { PersistentMap } from '../../domain/persistent-map.ts';
import { isRunning } from '../../domain/tasks.ts';
import type { DomainEvent, World } from '../../domain/world.ts';
import { namespacesOf } from '../../projections/resources.ts';
import { overlayfs } from '../../workflows/unpack.ts';
import { wouldCollect } from '../dry-collection.ts';
import type { Collected, HostCounts, HostInfo, SystemApi } from '../ports/api.ts';
import { type Engine, shown } from './engine.ts';
import { momentOf, viewsAt } from './past.ts';

/** The daemon itself. */
export const systemApi = (engine: Engine): SystemApi => {
  const startedAt = engine.ports.clock.now().wall;
  return {
    version: async () => {
      const { node, os, architecture, kernel } = engine.ports.hostInspector;
      const { version, revision } = engine.about;
      return { version, revision, node, os, architecture, kernel };
    },
    info: (namespace) => info(engine, namespace, startedAt),
    refused: async ({ method, rejection: { code, message } }, { cause }) => {
      const refusal = { command: method, subject: 'host', code, message };
      await engine.ledger.dispatch([{ type: 'record-refusal', ...refusal }], cause);
    },
    counts: async ({ at, namespace }, signal) =>
      countsOf((await viewsAt(engine, at, signal)).world, namespace),
    gc: async ({ cause }) => collectedOf(await engine.collector.collect(cause)),
    garbage: async (at, signal) => {
      const now = at === undefined ? engine.ports.clock.now().wall : (await momentOf(engine, at)).time;
      return collectedOf(wouldCollect(await viewsAt(engine, at, signal), now ?? (0 as Timestamp)));
    },
  };
};

const collectedOf = (facts: readonly Fact<DomainEvent>[]): Collected => {
  const freed = facts.flatMap(blobsLetGo).filter(({ lastHolder }) => lastHolder);
  return {
    removed: facts.flatMap(thingsOf),
    freedBytes: freed.reduce((sum, { size }) => sum + size, 0),
  };
};

const countsOf = (world: World, namespace: Namespace | undefined): HostCounts => {
  const inside = <T extends { readonly namespace: Namespace }>(map: PersistentMap<T>): readonly T[] =>
    [...map.values()].filter((one) => namespace === undefined || one.namespace === namespace);
  const blobs = inside(world.content.blobs);
  return {
    hostId: world.host.hostId,
    logHead: world.position,
    containers: inside(world.container.byId).length,
    containersRunning: inside(world.task).filter(isRunning).length,
    images: inside(world.image).length,
    snapshots: inside(world.snapshot).length,
    blobs: blobs.length,
    contentBytes: blobs.reduce((sum, { size }) => sum + size, 0),
    divergences: world.host.divergences,
    namespaces: namespacesOf(world),
  };
};

const info = async (
  engine: Engine,
  namespace: Namespace | undefined,
  startedAt: Timestamp,
): Promise<HostInfo> => {
  const { ports, about, logCopy } = engine;
  return {
    ...countsOf(shown(engine), namespace),
    ...(logCopy === undefined ? {} : { logCopy: await logCopy.status() }),
    root: about.root,
    state: about.state,
    pid: about.pid,
    startedAt,
    logHead: ports.log.durable,
    logBytes: await ports.logInspector.bytes(),
    logHorizon: ports.log.horizon,
    logArchives: shown(engine).keeping.prunedInto,
    runtime: about.defaultRuntime.name,
    runtimeVersion: await ports.hostInspector.runtimeVersion(),
    snapshotter: overlayfs,
    cgroup: await ports.hostInspector.cgroup(),
    rss: ports.hostInspector.rss(),
  };
};
