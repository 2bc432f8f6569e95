import type { AnyValue } from '../../../domain/any-value.ts';
import { type ClientRecord, clientRecord } from '../../../domain/client-container.ts';
import { ContainerId, Labels, type Namespace } from '../../../domain/identity.ts';
import type {
  ContainerChange,
  ContainerRecord,
  ContainerStore,
} from '../../../engine/ports/store/containers.ts';
import type {
  Containers,
  Container as WireContainer,
} from '../../../gen/containerd/services/containers/v1/containers_pb.ts';
import { Encoded } from '../encoded.ts';
import type { Service } from '../handlers.ts';
import { invalid, parse, present } from '../parse.ts';
import { anyValueOf } from './any.ts';
import { containerBytes } from './container-bytes.ts';
import { labelChange } from './label-mask.ts';
import { tenantOf } from './tenancy.ts';

export const idOf = (text: string, field = 'container.id'): ContainerId => parse(ContainerId, text, field);

const specOf = (message: WireContainer): AnyValue => {
  if (message.spec === undefined) throw invalid('container.Spec', 'must be set: invalid argument');
  return anyValueOf(message.spec, 'container.spec');
};

const extensionsOf = (message: WireContainer): Record<string, AnyValue> =>
  Object.fromEntries(
    Object.entries(message.extensions).map(([name, value]) => [
      name,
      anyValueOf(value, `container.extensions.${name}`),
    ]),
  );

const recordOf = (namespace: Namespace, message: WireContainer): ClientRecord => {
  const { image: imageName, runtime, snapshotter, snapshotKey, labels, sandbox } = message;
  if (runtime === undefined || runtime.name === '') {
    throw invalid('container.Runtime.Name', 'must be set: invalid argument');
  }
  if (snapshotKey !== '' && snapshotter === '') {
    throw invalid('container.Snapshotter', 'must be set if container.SnapshotKey is set: invalid argument');
  }
  const options = runtime.options && anyValueOf(runtime.options, 'container.runtime.options');
  const given = {
    namespace,
    id: message.id,
    imageName,
    runtime: { name: runtime.name, ...present({ options }) },
    spec: specOf(message),
    snapshotter,
    snapshotKey,
    labels,
    extensions: extensionsOf(message),
    ...(sandbox === '' ? {} : { sandbox }),
  };
  return parse(clientRecord, given, 'container');
};

const prefix = 'extensions.';
const isOther = (path: string): boolean =>
  ['spec', 'image', 'snapshotkey', 'snapshot_key', 'extensions'].includes(path) || path.startsWith(prefix);

const extensionChange = (message: WireContainer, paths: readonly string[]): ContainerChange['extensions'] => {
  const given = extensionsOf(message);
  if (paths.length === 0 || paths.includes('extensions')) return { values: given, replace: true };
  const named = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  if (named.length === 0) return undefined;
  return { values: Object.fromEntries(named.map((name) => [name, given[name]])), replace: false };
};

/**
 * What a mask names of a container; without a mask everything that may change.
 * @throws Rejection `invalid-argument` for a field that can't be changed
 */
const changeOf = (message: WireContainer, paths: readonly string[]): ContainerChange => {
  const labels = labelChange(paths, parse(Labels, message.labels, 'container.labels'), paths.filter(isOther));
  const names = (...fields: readonly string[]) =>
    paths.length === 0 || fields.some((field) => paths.includes(field));
  return {
    ...(names('image') ? { imageName: message.image } : {}),
    ...(names('spec') ? { spec: specOf(message) } : {}),
    ...(names('snapshotkey', 'snapshot_key') ? { snapshotKey: message.snapshotKey } : {}),
    ...present({ labels, extensions: extensionChange(message, paths) }),
  };
};

/** Without a mask, fields that can't change must be as they are. @throws Rejection `invalid-argument` */
const refuseImmutable = (before: ContainerRecord, message: WireContainer): void => {
  const immutable = (field: string) => invalid(`container.${field} field`, 'is immutable: invalid argument');
  if (message.snapshotter !== before.snapshotter) throw immutable('Snapshotter');
  if (message.runtime?.name !== before.runtime.name) throw immutable('Runtime.Name');
};

export const containersService = (store: ContainerStore): Service<typeof Containers> => ({
  get: async ({ id }, call) => new Encoded(containerBytes(store.get(tenantOf(call), idOf(id, 'id')))),
  list: async ({ filters }, call) =>
    new Encoded(Buffer.concat(Array.from(store.list(tenantOf(call), filters), containerBytes))),
  listStream: function* ({ filters }, call) {
    for (const record of store.list(tenantOf(call), filters)) yield new Encoded(containerBytes(record));
  },
  create: async ({ container }, call) => {
    if (container === undefined) throw invalid('container', 'is missing');
    return new Encoded(containerBytes(await store.create(recordOf(tenantOf(call), container), call)));
  },
  update: async ({ container, updateMask }, call) => {
    if (container === undefined) throw invalid('container', 'is missing');
    const namespace = tenantOf(call);
    const id = idOf(container.id);
    const paths = updateMask?.paths ?? [];
    if (paths.length === 0) refuseImmutable(store.get(namespace, id), container);
    return new Encoded(containerBytes(await store.update(namespace, id, changeOf(container, paths), call)));
  },
  delete: async ({ id }, call) => {
    await store.delete(tenantOf(call), idOf(id, 'id'), call);
    return {};
  },
});
