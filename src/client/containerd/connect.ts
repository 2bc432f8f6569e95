import type { Envelope } from '../../gen/containerd/services/events/v1/events_pb.ts';
import { Events } from '../../gen/containerd/services/events/v1/events_pb.ts';
import { openChannel } from '../channel.ts';
import type { ConnectOptions } from '../connect.ts';
import { serviceClient } from '../service-client.ts';
import type { ServiceClient } from '../service-types.ts';
import { ContentClient } from './content.ts';
import { type Subscription, subscribe } from './events.ts';
import { services } from './services.ts';
import { TransferClient } from './transfers.ts';

export interface ContainerdOptions extends ConnectOptions {
  /** Tenancy that all calls are made in; `default` by default. */
  readonly namespace?: string;
  /** Lease that holds what calls make. */
  readonly lease?: string;
}

type Clients = { readonly [K in keyof typeof services]: ServiceClient<(typeof services)[K]> };

/** containerd's services in one namespace: each as it is, and content, events and transfers as streams besides. */
export interface ContainerdClient extends Clients {
  readonly address: string;
  readonly namespace: string;
  readonly content: ContentClient;
  readonly transfers: TransferClient;
  /** Events of all namespaces, without gap and each once, also across restarts of the daemon, until the signal. */
  subscribe(subscription?: Subscription): AsyncGenerator<Envelope>;
  /** The same connection, with another namespace or lease. */
  with(options: Pick<ContainerdOptions, 'namespace' | 'lease'>): ContainerdClient;
  /** Frees the connection; calls under way fail. */
  close(): void;
}

type Channel = ReturnType<typeof openChannel>;

/** Headers of containerd's API. */
const namespaceHeader = 'containerd-namespace';
const leaseHeader = 'containerd-lease';
const fromHeader = 'shiplog-from-position';

const clientOver = (base: Channel, namespace: string, lease: string | undefined): ContainerdClient => {
  const { address, grpc } = base;
  const metadata = base.metadata.clone();
  metadata.set(namespaceHeader, namespace);
  if (lease === undefined) metadata.remove(leaseHeader);
  else metadata.set(leaseHeader, lease);
  const channel = { grpc, address, metadata };
  const clients = Object.fromEntries(
    Object.entries(services).map(([name, service]) => [name, serviceClient(channel, service)]),
  ) as unknown as Clients;
  const eventsFrom = (from: bigint | undefined) => {
    const headers = metadata.clone();
    if (from !== undefined) headers.set(fromHeader, String(from));
    return serviceClient({ grpc, address, metadata: headers }, Events);
  };
  return {
    ...clients,
    address,
    namespace,
    content: new ContentClient(clients.contentService),
    transfers: new TransferClient({
      transfer: clients.transferService,
      streaming: clients.streamingService,
    }),
    subscribe: (subscription) => subscribe(eventsFrom, subscription),
    with: (options) => clientOver(base, options.namespace ?? namespace, options.lease ?? lease),
    close: () => grpc.close(),
  };
};

/**
 * A client of containerd's API as Shiplog serves it; of containerd itself too, as far as that has the services. It connects
 * at the first call.
 *
 * @throws ShiplogError `invalid-argument` if the address is not a unix socket
 */
export const connectContainerd = (options: ContainerdOptions = {}): ContainerdClient =>
  clientOver(openChannel(options), options.namespace ?? 'default', options.lease);
