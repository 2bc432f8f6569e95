import type { ContainerStore } from './containers.ts';
import type { ContentStore } from './content.ts';
import type { DiffService } from './diff.ts';
import type { EventService } from './events.ts';
import type { ImageStore } from './images.ts';
import type { Introspection } from './introspection.ts';
import type { LeaseStore } from './leases.ts';
import type { MountStore } from './mounts.ts';
import type { NamespaceStore } from './namespaces.ts';
import type { SandboxServices } from './sandboxes.ts';
import type { SnapshotServices } from './snapshots.ts';
import type { StreamExchange } from './streaming.ts';
import type { TaskStore } from './tasks.ts';
import type { TransferService } from './transfer.ts';

/**
 * What containerd's clients work with: its records and verbs as they are, one method of a service being one method here.
 * A client that takes images apart itself, or makes its own snapshots and specifications, is served by this; the
 * {@link file://./../api.ts Api} is for those who want a container run.
 */
export interface Store {
  readonly namespaces: NamespaceStore;
  readonly containers: ContainerStore;
  readonly tasks: TaskStore;
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly leases: LeaseStore;
  readonly snapshots: SnapshotServices;
  readonly diff: DiffService;
  readonly events: EventService;
  readonly introspection: Introspection;
  readonly sandboxes: SandboxServices;
  readonly mounts: MountStore;
  readonly streams: StreamExchange;
  readonly transfer: TransferService;
}
