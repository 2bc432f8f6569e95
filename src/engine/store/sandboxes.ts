import type { Namespace, SandboxId } from '../../domain/identity.ts';
import { mergeLabels } from '../../domain/labels.ts';
import { Rejection } from '../../domain/rejection.ts';
import { findSandbox, notThere, type SandboxChange, type SandboxRecord } from '../../domain/sandboxes.ts';
import type { World } from '../../domain/world.ts';
import { type FieldOf, labelField } from '../../projections/containerd-filters.ts';
import type {
  SandboxController,
  SandboxInfo,
  SandboxServices,
  SandboxStore,
  SandboxUpdate,
} from '../ports/store/sandboxes.ts';
import { replacing } from './labels.ts';
import type { StoreParts } from './parts.ts';
import { filtered } from './select.ts';

/** The one controller there is, by containerd's name of it. */
const controllerName = 'shim';

export const sandboxServices = (parts: StoreParts, controller: SandboxController): SandboxServices => ({
  store: sandboxStore(parts),
  controller: (name) => {
    if (name === controllerName) return controller;
    if (name === '') {
      throw new Rejection('invalid-argument', 'sandbox controller name can not be empty: invalid argument');
    }
    throw new Rejection('not-found', `failed to get sandbox controller by ${name}: not found`);
  },
});

const sandboxStore = ({ ledger }: StoreParts): SandboxStore => {
  const find = (world: World, namespace: Namespace, id: SandboxId): SandboxRecord => {
    const sandbox = findSandbox(world.sandbox, namespace, id);
    if (sandbox) return sandbox;
    throw notThere(namespace, id);
  };
  const get = (namespace: Namespace, id: SandboxId): SandboxInfo => find(ledger.durable.world, namespace, id);
  return {
    get,
    list: (namespace, filters) => {
      const all = [...ledger.durable.world.sandbox.records.values()].filter(
        (sandbox) => sandbox.namespace === namespace,
      );
      return filtered(all, filters, sandboxFields).sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    create: async (namespace, { id, runtime, spec, labels, extensions, sandboxer }, { cause }) => {
      const record = { namespace, id, runtime, extensions, sandboxer, labels: mergeLabels({}, labels) };
      const whole = spec === undefined ? record : { ...record, spec };
      await ledger.dispatch([{ type: 'create-sandbox', ...whole }], cause);
      return get(namespace, id);
    },
    update: async (namespace, id, update, { cause }) => {
      const change = changeOf(find(ledger.head.world, namespace, id), update);
      await ledger.dispatch([{ type: 'update-sandbox', namespace, id, change }], cause);
      return get(namespace, id);
    },
    delete: async (namespace, id, { cause }) => {
      await ledger.dispatch([{ type: 'remove-sandbox', namespace, id }], cause);
    },
  };
};

const changeOf = (
  sandbox: SandboxRecord,
  { runtime, spec, labels, extensions }: SandboxUpdate,
): SandboxChange => {
  const present = extensions?.replace ? {} : sandbox.extensions;
  const merged = Object.entries({ ...present, ...extensions?.values }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return {
    ...(runtime === undefined ? {} : { runtime }),
    ...(spec === undefined ? {} : { spec }),
    ...(extensions === undefined ? {} : { extensions: Object.fromEntries(merged) }),
    ...(labels === undefined
      ? {}
      : { labels: labels.replace ? replacing(sandbox.labels, labels.labels) : labels.labels }),
  };
};

/** What filters can ask of a sandbox; the names are containerd's. */
const sandboxFields =
  ({ id, runtime, sandboxer, labels }: SandboxInfo): FieldOf =>
  (path) => {
    switch (path[0]) {
      case 'id':
        return id;
      case 'runtime':
        return path[1] === 'name' ? runtime.name : undefined;
      case 'sandboxer':
        return sandboxer || undefined;
      case 'labels':
        return labelField(labels, path);
      default:
        return undefined;
    }
  };
