import { type Container, containerSubject, findContainer } from '../../domain/containers.ts';
import { ContainerId, type Namespace } from '../../domain/identity.ts';
import { mergeLabels } from '../../domain/labels.ts';
import { Rejection } from '../../domain/rejection.ts';
import { findTask, presenceOf } from '../../domain/tasks.ts';
import type { Command, World } from '../../domain/world.ts';
import { containerdFilter, type FieldOf, labelField } from '../../projections/containerd-filters.ts';
import { containersInOrder } from '../../projections/containers.ts';
import { removeContainer } from '../../workflows/container.ts';
import type { ContainerChange, ContainerRecord, ContainerStore } from '../ports/store/containers.ts';
import { replacing } from './labels.ts';
import type { StoreParts } from './parts.ts';
import { meant, named } from './select.ts';

export const containerStore = ({ ledger, runner }: StoreParts): ContainerStore => {
  const find = (world: World, namespace: Namespace, id: ContainerId): Container => {
    const container = findContainer(world.container, namespace, id);
    if (container) return container;
    throw new Rejection('not-found', `container "${id}" in namespace "${namespace}": not found`);
  };
  const get = (namespace: Namespace, id: ContainerId) => recordOf(find(ledger.durable.world, namespace, id));
  return {
    get,
    *list(namespace, filters) {
      const { world } = ledger.durable;
      const matches = containerdFilter(filters);
      const found = meant(
        filters,
        'id',
        named(ContainerId, (id) => findContainer(world.container, namespace, id)),
        () => containersInOrder(world, namespace),
      );
      for (const container of found) {
        const record = recordOf(container);
        if (filters.length === 0 || matches(containerFields(record))) yield record;
      }
    },
    create: async (record, { cause }) => {
      const { namespace, id } = record;
      if (findContainer(ledger.head.world.container, namespace, id)) {
        throw new Rejection('already-exists', `container "${id}": already exists`);
      }
      const labels = mergeLabels({}, record.labels);
      await ledger.dispatch([{ type: 'create-client-container', ...record, labels }], cause);
      return get(namespace, id);
    },
    update: async (namespace, id, change, { cause }) => {
      const container = find(ledger.head.world, namespace, id);
      await ledger.dispatch([updateOf(container, change)], cause);
      return get(namespace, id);
    },
    delete: async (namespace, id, { cause }) => {
      const { world } = ledger.head;
      const container = find(world, namespace, id);
      const task = presenceOf(findTask(world.task, namespace, id));
      if (task === 'alive' || (task === 'ended' && container.made === 'client')) {
        const subject = containerSubject(namespace, id);
        throw new Rejection(
          'failed-precondition',
          `cannot delete ${subject} while it has a task; delete the task first: failed precondition`,
        );
      }
      await runner.run(removeContainer({ namespace, id }, false), { cause });
      await ledger.settled();
    },
  };
};

/** A client's container is its own record: a list may be of a hundred thousand. */
const recordOf = (container: Container): ContainerRecord => {
  if (container.made === 'client') return container;
  const { id, labels, snapshotter, snapshotKey, createdAt, updatedAt } = container;
  const imageName = container.image?.name ?? '';
  const runtime = { name: container.runtime.name };
  return { id, labels, snapshotter, snapshotKey, createdAt, updatedAt, imageName, runtime, extensions: {} };
};

const updateOf = (container: Container, { labels, extensions, ...rest }: ContainerChange): Command => {
  const { namespace, id } = container;
  const changes = labels && (labels.replace ? replacing(container.labels, labels.labels) : labels.labels);
  if (container.made !== 'client' && changes && extensions === undefined && Object.keys(rest).length === 0) {
    return { type: 'label-container', namespace, id, labels: changes };
  }
  const present = container.made === 'client' && !extensions?.replace ? container.extensions : {};
  const merged = Object.entries({ ...present, ...extensions?.values }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    type: 'update-client-container',
    namespace,
    id,
    change: {
      ...rest,
      ...(changes === undefined ? {} : { labels: changes }),
      ...(extensions === undefined ? {} : { extensions: Object.fromEntries(merged) }),
    },
  };
};

/** What filters can ask of a container; the names are containerd's. */
const containerFields =
  ({ id, imageName, runtime, snapshotter, labels }: ContainerRecord): FieldOf =>
  (path) => {
    const [field, part] = path;
    switch (field) {
      case 'id':
        return id;
      case 'image':
        return imageName || undefined;
      case 'runtime':
        return part === 'name' ? runtime.name : undefined;
      case 'snapshotter':
        return snapshotter || undefined;
      case 'labels':
        return labelField(labels, path);
      default:
        return undefined;
    }
  };
