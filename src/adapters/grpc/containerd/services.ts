import type { ServiceDescriptor } from '../../../client/grpc-service.ts';
import type { Store } from '../../../engine/ports/store/store.ts';
import { Containers } from '../../../gen/containerd/services/containers/v1/containers_pb.ts';
import { Content } from '../../../gen/containerd/services/content/v1/content_pb.ts';
import { Diff } from '../../../gen/containerd/services/diff/v1/diff_pb.ts';
import { Events } from '../../../gen/containerd/services/events/v1/events_pb.ts';
import { Images } from '../../../gen/containerd/services/images/v1/images_pb.ts';
import { Introspection } from '../../../gen/containerd/services/introspection/v1/introspection_pb.ts';
import { Leases } from '../../../gen/containerd/services/leases/v1/leases_pb.ts';
import { Namespaces } from '../../../gen/containerd/services/namespaces/v1/namespace_pb.ts';
import { Snapshots } from '../../../gen/containerd/services/snapshots/v1/snapshots_pb.ts';
import { Tasks } from '../../../gen/containerd/services/tasks/v1/tasks_pb.ts';
import { Version } from '../../../gen/containerd/services/version/v1/version_pb.ts';
import type { Service } from '../handlers.ts';
import { containersService } from './containers.ts';
import { contentService } from './content.ts';
import { diffService } from './diff.ts';
import { eventsService } from './events.ts';
import { imagesService } from './images.ts';
import { introspectionService } from './introspection.ts';
import { leasesService } from './leases.ts';
import { namespacesService } from './namespaces.ts';
import { snapshotsService } from './snapshots.ts';
import { tasksService } from './tasks.ts';

/** Takes a service in. */
export type AddService = <S extends ServiceDescriptor>(service: S, implementation: Service<S>) => void;

/** What the services say of the daemon itself. */
export interface Build {
  readonly version: string;
  readonly revision: string;
}

/** containerd's services, all of which only translate. */
export const addContainerdServices = (add: AddService, store: Store, build: Build): void => {
  add(Version, { version: async () => ({ ...build }) });
  add(Namespaces, namespacesService(store.namespaces));
  add(Containers, containersService(store.containers));
  add(Tasks, tasksService(store.tasks));
  add(Content, contentService(store.content));
  add(Images, imagesService(store.images));
  add(Leases, leasesService(store.leases));
  add(Diff, diffService(store.diff));
  add(Events, eventsService(store.events));
  add(Introspection, introspectionService(store.introspection));
  add(Snapshots, snapshotsService(store.snapshots));
};
