import type { Store } from '../../../engine/ports/store/store.ts';
import { type Services, served } from '../handlers.ts';

/** What the services say of the daemon itself. */
export interface Build {
  readonly version: string;
  readonly revision: string;
}

/** containerd's services, all of which only translate. */
export const containerdServices = (store: Store, build: Build): Services => ({
  'containerd.services.version.v1.Version': async () => {
    const { Version } = await import('../../../gen/containerd/services/version/v1/version_pb.ts');
    return served(Version, { version: async () => ({ ...build }) });
  },
  'containerd.services.namespaces.v1.Namespaces': async () => {
    const { Namespaces } = await import('../../../gen/containerd/services/namespaces/v1/namespace_pb.ts');
    const { namespacesService } = await import('./namespaces.ts');
    return served(Namespaces, namespacesService(store.namespaces));
  },
  'containerd.services.containers.v1.Containers': async () => {
    const { Containers } = await import('../../../gen/containerd/services/containers/v1/containers_pb.ts');
    const { containersService } = await import('./containers.ts');
    return served(Containers, containersService(store.containers));
  },
  'containerd.services.tasks.v1.Tasks': async () => {
    const { Tasks } = await import('../../../gen/containerd/services/tasks/v1/tasks_pb.ts');
    const { tasksService } = await import('./tasks.ts');
    return served(Tasks, tasksService(store.tasks));
  },
  'containerd.services.content.v1.Content': async () => {
    const { Content } = await import('../../../gen/containerd/services/content/v1/content_pb.ts');
    const { contentService } = await import('./content.ts');
    return served(Content, contentService(store.content));
  },
  'containerd.services.images.v1.Images': async () => {
    const { Images } = await import('../../../gen/containerd/services/images/v1/images_pb.ts');
    const { imagesService } = await import('./images.ts');
    return served(Images, imagesService(store.images));
  },
  'containerd.services.leases.v1.Leases': async () => {
    const { Leases } = await import('../../../gen/containerd/services/leases/v1/leases_pb.ts');
    const { leasesService } = await import('./leases.ts');
    return served(Leases, leasesService(store.leases));
  },
  'containerd.services.diff.v1.Diff': async () => {
    const { Diff } = await import('../../../gen/containerd/services/diff/v1/diff_pb.ts');
    const { diffService } = await import('./diff.ts');
    return served(Diff, diffService(store.diff));
  },
  'containerd.services.events.v1.Events': async () => {
    const { Events } = await import('../../../gen/containerd/services/events/v1/events_pb.ts');
    const { eventsService } = await import('./events.ts');
    return served(Events, eventsService(store.events));
  },
  'containerd.services.introspection.v1.Introspection': async () => {
    const { Introspection } = await import(
      '../../../gen/containerd/services/introspection/v1/introspection_pb.ts'
    );
    const { introspectionService } = await import('./introspection.ts');
    return served(Introspection, introspectionService(store.introspection));
  },
  'containerd.services.snapshots.v1.Snapshots': async () => {
    const { Snapshots } = await import('../../../gen/containerd/services/snapshots/v1/snapshots_pb.ts');
    const { snapshotsService } = await import('./snapshots.ts');
    return served(Snapshots, snapshotsService(store.snapshots));
  },
  'containerd.services.streaming.v1.Streaming': async () => {
    const { Streaming } = await import('../../../gen/containerd/services/streaming/v1/streaming_pb.ts');
    const { streamingService } = await import('./streaming.ts');
    return served(Streaming, streamingService(store.streams));
  },
  'containerd.services.transfer.v1.Transfer': async () => {
    const { Transfer } = await import('../../../gen/containerd/services/transfer/v1/transfer_pb.ts');
    const { transferService } = await import('./transfer.ts');
    return served(Transfer, transferService(store));
  },
  'containerd.services.sandbox.v1.Store': async () => {
    const { Store: Sandboxes } = await import('../../../gen/containerd/services/sandbox/v1/sandbox_pb.ts');
    const { sandboxStoreService } = await import('./sandboxes.ts');
    return served(Sandboxes, sandboxStoreService(store.sandboxes.store));
  },
  'containerd.services.sandbox.v1.Controller': async () => {
    const { Controller } = await import('../../../gen/containerd/services/sandbox/v1/sandbox_pb.ts');
    const { sandboxControllerService } = await import('./sandbox-controller.ts');
    return served(Controller, sandboxControllerService(store.sandboxes));
  },
  'containerd.services.mounts.v1.Mounts': async () => {
    const { Mounts } = await import('../../../gen/containerd/services/mounts/v1/mounts_pb.ts');
    const { mountsService } = await import('./activations.ts');
    return served(Mounts, mountsService(store.mounts));
  },
});
