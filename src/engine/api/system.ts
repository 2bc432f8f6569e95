import type { Namespace, Timestamp } from '../../domain/identity.ts';
import type { PersistentMap } from '../../domain/persistent-map.ts';
import { isRunning } from '../../domain/tasks.ts';
import { overlayfs } from '../../workflows/unpack.ts';
import type { HostInfo, SystemApi } from '../ports/api.ts';
import { type Engine, shown } from './engine.ts';

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
    gc: async ({ cause }) => {
      const facts = await engine.collector.collect(cause);
      const sizes = facts.map((fact) =>
        fact.type === 'blob-removed' && fact.data.lastHolder ? fact.data.size : 0,
      );
      return {
        removed: facts.map(({ subject }) => subject),
        freedBytes: sizes.reduce((sum, size) => sum + size, 0),
      };
    },
  };
};

const info = async (
  engine: Engine,
  namespace: Namespace | undefined,
  startedAt: Timestamp,
): Promise<HostInfo> => {
  const { ports, about } = engine;
  const world = shown(engine);
  const inside = <T extends { readonly namespace: Namespace }>(map: PersistentMap<T>): readonly T[] =>
    [...map.values()].filter((one) => namespace === undefined || one.namespace === namespace);
  const blobs = inside(world.content.blobs);
  const names = new Set([...world.population.keys(), ...world.namespace.keys()]);
  return {
    hostId: world.host.hostId,
    root: about.root,
    state: about.state,
    pid: about.pid,
    startedAt,
    logHead: ports.log.durable,
    logBytes: await ports.logInspector.bytes(),
    containers: inside(world.container.byId).length,
    containersRunning: inside(world.task).filter(isRunning).length,
    images: inside(world.image).length,
    snapshots: inside(world.snapshot).length,
    blobs: blobs.length,
    contentBytes: blobs.reduce((sum, { size }) => sum + size, 0),
    divergences: world.host.divergences,
    runtime: about.defaultRuntime.name,
    runtimeVersion: await ports.hostInspector.runtimeVersion(),
    snapshotter: overlayfs,
    cgroup: await ports.hostInspector.cgroup(),
    namespaces: [...names].sort(),
    rss: ports.hostInspector.rss(),
  };
};
