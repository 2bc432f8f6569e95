import { Containers } from '../../gen/containerd/services/containers/v1/containers_pb.ts';
import { Content } from '../../gen/containerd/services/content/v1/content_pb.ts';
import { Diff } from '../../gen/containerd/services/diff/v1/diff_pb.ts';
import { Events } from '../../gen/containerd/services/events/v1/events_pb.ts';
import { Images } from '../../gen/containerd/services/images/v1/images_pb.ts';
import { Introspection } from '../../gen/containerd/services/introspection/v1/introspection_pb.ts';
import { Leases } from '../../gen/containerd/services/leases/v1/leases_pb.ts';
import { Mounts } from '../../gen/containerd/services/mounts/v1/mounts_pb.ts';
import { Namespaces } from '../../gen/containerd/services/namespaces/v1/namespace_pb.ts';
import { Controller, Store } from '../../gen/containerd/services/sandbox/v1/sandbox_pb.ts';
import { Snapshots } from '../../gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import { Streaming } from '../../gen/containerd/services/streaming/v1/streaming_pb.ts';
import { Tasks } from '../../gen/containerd/services/tasks/v1/tasks_pb.ts';
import { Transfer } from '../../gen/containerd/services/transfer/v1/transfer_pb.ts';
import { Version } from '../../gen/containerd/services/version/v1/version_pb.ts';

/** containerd's services by the names that a client knows them by. */
export const services = {
  version: Version,
  introspection: Introspection,
  namespaces: Namespaces,
  containers: Containers,
  tasks: Tasks,
  images: Images,
  leases: Leases,
  snapshots: Snapshots,
  diff: Diff,
  mounts: Mounts,
  sandboxes: Store,
  sandboxController: Controller,
  contentService: Content,
  eventService: Events,
  transferService: Transfer,
  streamingService: Streaming,
} as const;
