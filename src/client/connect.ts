import { Containers } from '../gen/shiplog/v1/containers_pb.ts';
import { Images } from '../gen/shiplog/v1/images_pb.ts';
import { Keeping } from '../gen/shiplog/v1/keeping_pb.ts';
import { Log } from '../gen/shiplog/v1/log_pb.ts';
import { Proofs } from '../gen/shiplog/v1/proofs_pb.ts';
import { Resources } from '../gen/shiplog/v1/resources_pb.ts';
import { System } from '../gen/shiplog/v1/system_pb.ts';
import { Time } from '../gen/shiplog/v1/time_pb.ts';
import type { Caller } from './caller.ts';
import { openChannel } from './channel.ts';
import { serviceClient } from './service-client.ts';
import type { ServiceClient } from './service-types.ts';

export { maxReceiveBytes } from './limits.ts';

export interface ConnectOptions extends Caller {
  /** The daemon's socket: an absolute path or `unix:///path`. */
  readonly address?: string;
}

export interface ShiplogClient {
  readonly address: string;
  readonly images: ServiceClient<typeof Images>;
  readonly containers: ServiceClient<typeof Containers>;
  readonly log: ServiceClient<typeof Log>;
  readonly system: ServiceClient<typeof System>;
  readonly proofs: ServiceClient<typeof Proofs>;
  readonly resources: ServiceClient<typeof Resources>;
  readonly time: ServiceClient<typeof Time>;
  readonly keeping: ServiceClient<typeof Keeping>;
  /** Frees the connection; calls under way fail. */
  close(): void;
}

/**
 * A client of the daemon. It connects at the first call; a daemon that can't be reached fails that call with a
 * ShiplogError whose `unreachable` is true.
 *
 * @throws ShiplogError `invalid-argument` if the address is not a unix socket
 */
export const connect = (options: ConnectOptions = {}): ShiplogClient => {
  const channel = openChannel(options);
  const { address, grpc } = channel;
  return {
    address,
    images: serviceClient(channel, Images),
    containers: serviceClient(channel, Containers),
    log: serviceClient(channel, Log),
    system: serviceClient(channel, System),
    proofs: serviceClient(channel, Proofs),
    resources: serviceClient(channel, Resources),
    time: serviceClient(channel, Time),
    keeping: serviceClient(channel, Keeping),
    close: () => grpc.close(),
  };
};
