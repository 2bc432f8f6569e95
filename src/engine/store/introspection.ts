import { Rejection } from '../../domain/rejection.ts';
import { containerdFilter, type FieldOf } from '../../projections/containerd-filters.ts';
import type { Introspection, Plugin } from '../ports/store/introspection.ts';
import type { StoreParts } from './parts.ts';
import { pluginsOf, runtimePlugin } from './plugins.ts';

export const introspection = ({ ledger, ports, about }: StoreParts): Introspection => {
  const all = pluginsOf(about, ports);
  return {
    server: () => ({
      uuid: ledger.durable.world.host.hostId,
      pid: about.pid,
      pidNamespace: about.pidNamespace,
    }),
    plugins: (filters) => {
      const matches = containerdFilter(filters);
      return all.filter((plugin) => matches(fieldsOf(plugin)));
    },
    plugin: (type, id) => {
      const found = all.find((plugin) => plugin.type === type && plugin.id === id);
      if (found) return found;
      throw new Rejection('not-found', `plugin "${type}.${id}": not found`);
    },
    runtimeInfo: async ({ type, id }, { runtime, options }) => {
      if (type === runtimePlugin.type && id === runtimePlugin.id && about.describeRuntime !== undefined) {
        return about.describeRuntime(runtime || defaultRuntime, options);
      }
      throw new Rejection('unimplemented', `plugin "${type}.${id}" has nothing to tell: not implemented`);
    },
  };
};

/** Asked for where a client names none, as in containerd. */
const defaultRuntime = 'io.containerd.runc.v2';

const fieldsOf =
  ({ type, id, capabilities }: Plugin): FieldOf =>
  ([field, ...path]) => {
    if (field === 'type') return type;
    if (field === 'id') return id;
    if (field !== 'capabilities') return undefined;
    const name = path.join('.');
    return capabilities.includes(name) ? name : undefined;
  };
