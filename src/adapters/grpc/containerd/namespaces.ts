import { Labels, Namespace } from '../../../domain/identity.ts';
import type { NamespaceInfo, NamespaceStore } from '../../../engine/ports/store/namespaces.ts';
import type {
  Namespaces,
  Namespace as WireNamespace,
} from '../../../gen/containerd/services/namespaces/v1/namespace_pb.ts';
import type { Service } from '../handlers.ts';
import { parse } from '../parse.ts';
import { labelChange } from './label-mask.ts';

const nameOf = (text: string): Namespace => parse(Namespace, text, 'name');
const infoOf = (message: WireNamespace | undefined): NamespaceInfo => ({
  name: nameOf(message?.name ?? ''),
  labels: parse(Labels, message?.labels ?? {}, 'labels'),
});

export const namespacesService = (store: NamespaceStore): Service<typeof Namespaces> => ({
  get: async ({ name }) => ({ namespace: store.get(nameOf(name)) }),
  list: async () => ({ namespaces: [...store.list()] }),
  create: async ({ namespace }, call) => ({ namespace: await store.create(infoOf(namespace), call) }),
  update: async ({ namespace, updateMask }, call) => {
    const info = infoOf(namespace);
    const change = labelChange(updateMask?.paths, info.labels) ?? { labels: {}, replace: false };
    return { namespace: await store.update({ ...info, labels: change.labels }, change.replace, call) };
  },
  delete: async ({ name }, call) => {
    await store.delete(nameOf(name), call);
    return {};
  },
});
