import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Any, Timestamp as WireTimestamp } from '@bufbuild/protobuf/wkt';
import { Namespace, position, Timestamp } from '../../../domain/identity.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type {
  Announcement,
  ContainerdEvent,
  EventService,
  PackedEvent,
} from '../../../engine/ports/store/events.ts';
import {
  ContainerCreateSchema,
  ContainerDeleteSchema,
  ContainerUpdateSchema,
} from '../../../gen/containerd/events/container_pb.ts';
import { ContentDeleteSchema } from '../../../gen/containerd/events/content_pb.ts';
import {
  ImageCreateSchema,
  ImageDeleteSchema,
  ImageUpdateSchema,
} from '../../../gen/containerd/events/image_pb.ts';
import {
  NamespaceCreateSchema,
  NamespaceDeleteSchema,
  NamespaceUpdateSchema,
} from '../../../gen/containerd/events/namespace_pb.ts';
import {
  SandboxCreateSchema,
  SandboxExitSchema,
  SandboxStartSchema,
} from '../../../gen/containerd/events/sandbox_pb.ts';
import {
  SnapshotCommitSchema,
  SnapshotPrepareSchema,
  SnapshotRemoveSchema,
} from '../../../gen/containerd/events/snapshot_pb.ts';
import {
  TaskCreateSchema,
  TaskDeleteSchema,
  TaskExecAddedSchema,
  TaskExecStartedSchema,
  TaskExitSchema,
  TaskOOMSchema,
  TaskPausedSchema,
  TaskResumedSchema,
  TaskStartSchema,
} from '../../../gen/containerd/events/task_pb.ts';
import type { Events } from '../../../gen/containerd/services/events/v1/events_pb.ts';
import type { CallContext, Service } from '../handlers.ts';
import { invalid, parse } from '../parse.ts';
import { anyMessage } from './any.ts';
import { mountMessage } from './mounts.ts';
import { tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

/** Position of the log from which a subscriber is to be told: the first that it has not seen. */
const fromHeader = 'shiplog-from-position';

const fromOf = ({ header }: CallContext) => {
  const text = header(fromHeader);
  if (text === '') return undefined;
  if (!/^\d{1,18}$/.test(text)) throw invalid(fromHeader, `'${text}' is no position of the log`);
  return position(BigInt(text));
};

/** containerd writes type URLs without a host. */
const packed = <S extends DescMessage>(schema: S, init: MessageInitShape<S>): PackedEvent => ({
  typeUrl: schema.typeName,
  value: toBinary(schema, create(schema, init)),
});

const timed = <T extends { readonly exitedAt?: Timestamp }>({ exitedAt, ...rest }: T) => ({
  ...rest,
  ...(exitedAt === undefined ? {} : { exitedAt: timestampOf(exitedAt) }),
});

const packedOf = ({ topic, event }: Announcement): PackedEvent => {
  switch (topic) {
    case '/containers/create': {
      const { options, name } = event.runtime;
      const runtime = { name, ...(options === undefined ? {} : { options: anyMessage(options) }) };
      return packed(ContainerCreateSchema, { ...event, runtime });
    }
    case '/containers/update':
      return packed(ContainerUpdateSchema, event);
    case '/containers/delete':
      return packed(ContainerDeleteSchema, event);
    case '/tasks/create':
      return packed(TaskCreateSchema, { ...event, rootfs: event.rootfs.map(mountMessage) });
    case '/tasks/start':
      return packed(TaskStartSchema, event);
    case '/tasks/exit':
      return packed(TaskExitSchema, timed(event));
    case '/tasks/delete':
      return packed(TaskDeleteSchema, timed(event));
    case '/tasks/oom':
      return packed(TaskOOMSchema, event);
    case '/tasks/paused':
      return packed(TaskPausedSchema, event);
    case '/tasks/resumed':
      return packed(TaskResumedSchema, event);
    case '/tasks/exec-added':
      return packed(TaskExecAddedSchema, event);
    case '/tasks/exec-started':
      return packed(TaskExecStartedSchema, event);
    case '/images/create':
      return packed(ImageCreateSchema, event);
    case '/images/update':
      return packed(ImageUpdateSchema, event);
    case '/images/delete':
      return packed(ImageDeleteSchema, event);
    case '/namespaces/create':
      return packed(NamespaceCreateSchema, event);
    case '/namespaces/update':
      return packed(NamespaceUpdateSchema, event);
    case '/namespaces/delete':
      return packed(NamespaceDeleteSchema, event);
    case '/snapshot/prepare':
      return packed(SnapshotPrepareSchema, event);
    case '/snapshot/commit':
      return packed(SnapshotCommitSchema, event);
    case '/snapshot/remove':
      return packed(SnapshotRemoveSchema, event);
    case '/content/delete':
      return packed(ContentDeleteSchema, event);
    case '/sandboxes/create':
      return packed(SandboxCreateSchema, event);
    case '/sandboxes/start':
      return packed(SandboxStartSchema, event);
    case '/sandboxes/exit':
      return packed(SandboxExitSchema, timed(event));
    default:
      return topic satisfies never;
  }
};

const envelope = (event: ContainerdEvent) => ({
  timestamp: timestampOf(event.at),
  namespace: event.namespace,
  topic: event.topic,
  event: 'packed' in event ? event.packed : packedOf(event),
  ...('position' in event ? { shiplogPosition: event.position } : {}),
});

const given = (event: Any | undefined): PackedEvent => ({
  typeUrl: event?.typeUrl ?? '',
  value: event?.value ?? new Uint8Array(),
});

/** Of an envelope, as gRPC and ttrpc carry it. */
interface Envelope {
  readonly namespace: string;
  readonly topic: string;
  readonly timestamp?: WireTimestamp | undefined;
  readonly event?: Any | undefined;
}

/** Passes on what somebody else published. @throws Rejection `invalid-argument` */
export const forward = (
  store: Pick<EventService, 'publish'>,
  { namespace = '', topic = '', timestamp, event }: Partial<Envelope> = {},
): void => {
  if (timestamp === undefined) {
    throw new Rejection('invalid-argument', 'timestamp must be set on forwarded event: invalid argument');
  }
  const micros = Number(timestamp.seconds) * 1e6 + Math.floor(timestamp.nanos / 1000);
  const at = parse(Timestamp, micros, 'envelope.timestamp');
  store.publish({
    namespace: parse(Namespace, namespace, 'envelope.namespace'),
    topic,
    at,
    packed: given(event),
  });
};

export const eventsService = (store: EventService): Service<typeof Events> => ({
  publish: async ({ topic, event }, call) => {
    store.publish({ namespace: tenantOf(call), topic, packed: given(event) });
    return {};
  },
  forward: async ({ envelope: forwarded }) => {
    forward(store, forwarded);
    return {};
  },
  subscribe: async function* ({ filters }, call) {
    for await (const event of store.subscribe(filters, fromOf(call), call.signal)) yield envelope(event);
  },
});
