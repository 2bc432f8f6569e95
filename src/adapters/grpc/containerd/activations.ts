import { ClientMount } from '../../../domain/client-order.ts';
import { ActivationName, Labels } from '../../../domain/identity.ts';
import type { MountStore, MountsInfo } from '../../../engine/ports/store/mounts.ts';
import type { Mounts } from '../../../gen/containerd/services/mounts/v1/mounts_pb.ts';
import type { Mount } from '../../../gen/containerd/types/mount_pb.ts';
import type { Service } from '../handlers.ts';
import { invalid, parse } from '../parse.ts';
import { labelChange } from './label-mask.ts';
import { leaseOf, tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

const nameOf = (text: string): ActivationName => parse(ActivationName, text, 'name');
const clientMount = ({ type, source, target, options }: Mount): ClientMount =>
  parse(ClientMount, { type, source, target, options }, 'mounts');
const mountMessage = ({ options, ...mount }: ClientMount) => ({ ...mount, options: [...options] });

const infoMessage = ({ name, active, system, labels }: MountsInfo) => ({
  name,
  active: active.map(({ mount, point, at }) => ({
    mount: mountMessage(mount),
    mountPoint: point,
    mountedAt: timestampOf(at),
  })),
  system: system.map(mountMessage),
  labels,
});

export const mountsService = (store: MountStore): Service<typeof Mounts> => ({
  activate: async ({ name, mounts, labels, temporary }, call) => {
    const lease = leaseOf(call);
    const wanted = {
      name: nameOf(name),
      mounts: mounts.map(clientMount),
      labels: parse(Labels, labels, 'labels'),
      temporary,
      ...(lease === undefined ? {} : { lease }),
    };
    return { info: infoMessage(await store.activate(tenantOf(call), wanted, call)) };
  },
  deactivate: async ({ name }, call) => {
    await store.deactivate(tenantOf(call), nameOf(name), call);
    return {};
  },
  info: async ({ name }, call) => ({ info: infoMessage(store.info(tenantOf(call), nameOf(name))) }),
  update: async ({ info, updateMask }, call) => {
    const labels = parse(Labels, info?.labels ?? {}, 'info.labels');
    const change = labelChange(updateMask?.paths, labels);
    if (change === undefined) throw invalid('update_mask', 'names no field that can change');
    return { info: infoMessage(await store.update(tenantOf(call), nameOf(info?.name ?? ''), change, call)) };
  },
  list: async function* ({ filters }, call) {
    for (const info of store.list(tenantOf(call), filters)) yield { info: infoMessage(info) };
  },
});
