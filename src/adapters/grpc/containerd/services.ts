import type { ServiceDescriptor } from '../../../client/grpc-service.ts';
import type { Store } from '../../../engine/ports/store/store.ts';
import { Namespaces } from '../../../gen/containerd/services/namespaces/v1/namespace_pb.ts';
import { Version } from '../../../gen/containerd/services/version/v1/version_pb.ts';
import type { Service } from '../handlers.ts';
import { namespacesService } from './namespaces.ts';

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
};
