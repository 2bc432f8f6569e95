import type { Any } from '@bufbuild/protobuf/wkt';
import type { AnyValue } from '../../../domain/any-value.ts';
import { Labels, SandboxId } from '../../../domain/identity.ts';
import type {
  NewSandbox,
  SandboxInfo,
  SandboxStore,
  SandboxUpdate,
} from '../../../engine/ports/store/sandboxes.ts';
import type { Store } from '../../../gen/containerd/services/sandbox/v1/sandbox_pb.ts';
import type { Sandbox } from '../../../gen/containerd/types/sandbox_pb.ts';
import type { Service } from '../handlers.ts';
import { invalid, parse, present } from '../parse.ts';
import { anyMessage, anyValueOf } from './any.ts';
import { tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

export const sandboxIdOf = (text: string): SandboxId => parse(SandboxId, text, 'sandbox_id');
export const optionalAny = (value: Any | undefined, field: string): AnyValue | undefined =>
  value === undefined ? undefined : anyValueOf(value, field);

const sandboxMessage = ({ id, spec, runtime, extensions, createdAt, updatedAt, ...rest }: SandboxInfo) => ({
  ...rest,
  sandboxId: id,
  runtime: {
    name: runtime.name,
    ...(runtime.options === undefined ? {} : { options: anyMessage(runtime.options) }),
  },
  ...(spec === undefined ? {} : { spec: anyMessage(spec) }),
  extensions: Object.fromEntries(
    Object.entries(extensions).map(([name, value]) => [name, anyMessage(value)]),
  ),
  createdAt: timestampOf(createdAt),
  updatedAt: timestampOf(updatedAt),
});

export const runtimeOf = ({ runtime }: Sandbox): SandboxInfo['runtime'] => ({
  name: runtime?.name ?? '',
  ...present({ options: optionalAny(runtime?.options, 'sandbox.runtime.options') }),
});

const extensionsOf = ({ extensions }: Sandbox): Readonly<Record<string, AnyValue>> =>
  Object.fromEntries(
    Object.entries(extensions).map(([name, value]) => [
      name,
      anyValueOf(value, `sandbox.extensions.${name}`),
    ]),
  );

const given = (sandbox: Sandbox | undefined): Sandbox => {
  if (sandbox === undefined) throw invalid('sandbox', 'is missing');
  return sandbox;
};

const newSandbox = (sandbox: Sandbox): NewSandbox => ({
  id: sandboxIdOf(sandbox.sandboxId),
  runtime: runtimeOf(sandbox),
  labels: parse(Labels, sandbox.labels, 'sandbox.labels'),
  extensions: extensionsOf(sandbox),
  sandboxer: sandbox.sandboxer,
  ...present({ spec: optionalAny(sandbox.spec, 'sandbox.spec') }),
});

const every = ['labels', 'extensions', 'spec', 'runtime'];
const namesUnder = (prefix: string, fields: readonly string[]): readonly string[] =>
  fields.filter((field) => field.startsWith(prefix)).map((field) => field.slice(prefix.length));

/** Reads a field mask: none means all that may change. @throws Rejection `invalid-argument` for any other field */
const updateOf = (sandbox: Sandbox, fields: readonly string[]): SandboxUpdate => {
  const paths = fields.length === 0 ? every : fields;
  const strange = paths.find((path) => !every.includes(path) && !/^(?:labels|extensions)\../.test(path));
  if (strange !== undefined) {
    throw invalid(
      'fields',
      `cannot update "${strange}" field on sandbox "${sandbox.sandboxId}": invalid argument`,
    );
  }
  const labels = parse(Labels, sandbox.labels, 'sandbox.labels');
  const named = namesUnder('labels.', paths);
  const values = extensionsOf(sandbox);
  const kept = namesUnder('extensions.', paths);
  return {
    ...(paths.includes('runtime') ? { runtime: runtimeOf(sandbox) } : {}),
    ...(paths.includes('spec') ? present({ spec: optionalAny(sandbox.spec, 'sandbox.spec') }) : {}),
    ...(paths.includes('labels') ? { labels: { labels, replace: true } } : {}),
    ...(named.length === 0 || paths.includes('labels')
      ? {}
      : {
          labels: {
            labels: Object.fromEntries(named.map((name) => [name, labels[name] ?? ''])),
            replace: false,
          },
        }),
    ...(paths.includes('extensions') ? { extensions: { values, replace: true } } : {}),
    ...(kept.length === 0 || paths.includes('extensions')
      ? {}
      : {
          extensions: {
            values: Object.fromEntries(kept.map((name) => [name, values[name]])),
            replace: false,
          },
        }),
  };
};

export const sandboxStoreService = (store: SandboxStore): Service<typeof Store> => ({
  create: async ({ sandbox }, call) => ({
    sandbox: sandboxMessage(await store.create(tenantOf(call), newSandbox(given(sandbox)), call)),
  }),
  update: async ({ sandbox, fields }, call) => {
    const wanted = given(sandbox);
    const id = sandboxIdOf(wanted.sandboxId);
    const namespace = tenantOf(call);
    const { runtime } = store.get(namespace, id);
    if (fields.length === 0 && wanted.runtime?.name !== runtime.name) {
      throw invalid('sandbox', 'sandbox.Runtime.Name field is immutable: invalid argument');
    }
    return { sandbox: sandboxMessage(await store.update(namespace, id, updateOf(wanted, fields), call)) };
  },
  delete: async ({ sandboxId }, call) => {
    await store.delete(tenantOf(call), sandboxIdOf(sandboxId), call);
    return {};
  },
  list: async ({ filters }, call) => ({ list: store.list(tenantOf(call), filters).map(sandboxMessage) }),
  get: async ({ sandboxId }, call) => ({
    sandbox: sandboxMessage(store.get(tenantOf(call), sandboxIdOf(sandboxId))),
  }),
});
