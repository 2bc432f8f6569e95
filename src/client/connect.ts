import { methods } from '../gen/methods.ts';
import type { Containers } from '../gen/shiplog/v1/containers_pb.ts';
import type { Images } from '../gen/shiplog/v1/images_pb.ts';
import type { Keeping } from '../gen/shiplog/v1/keeping_pb.ts';
import type { Log } from '../gen/shiplog/v1/log_pb.ts';
import type { Proofs } from '../gen/shiplog/v1/proofs_pb.ts';
import type { Resources } from '../gen/shiplog/v1/resources_pb.ts';
import type { System } from '../gen/shiplog/v1/system_pb.ts';
import type { Time } from '../gen/shiplog/v1/time_pb.ts';
import type { Caller } from './caller.ts';
import { openChannel } from './channel.ts';
import { lateClient } from './late-client.ts';
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
    images: lateClient(channel, methods['shiplog.v1.Images'], async () => {
      const { Images } = await import('../gen/shiplog/v1/images_pb.ts');
      return Images;
    }),
    containers: lateClient(channel, methods['shiplog.v1.Containers'], async () => {
      const { Containers } = await import('../gen/shiplog/v1/containers_pb.ts');
      return Containers;
    }),
    log: lateClient(channel, methods['shiplog.v1.Log'], async () => {
      const { Log } = await import('../gen/shiplog/v1/log_pb.ts');
      return Log;
    }),
    system: lateClient(channel, methods['shiplog.v1.System'], async () => {
      const { System } = await import('../gen/shiplog/v1/system_pb.ts');
      return System;
    }),
    proofs: lateClient(channel, methods['shiplog.v1.Proofs'], async () => {
      const { Proofs } = await import('../gen/shiplog/v1/proofs_pb.ts');
      return Proofs;
    }),
    resources: lateClient(channel, methods['shiplog.v1.Resources'], async () => {
      const { Resources } = await import('../gen/shiplog/v1/resources_pb.ts');
      return Resources;
    }),
    time: lateClient(channel, methods['shiplog.v1.Time'], async () => {
      const { Time } = await import('../gen/shiplog/v1/time_pb.ts');
      return Time;
    }),
    keeping: lateClient(channel, methods['shiplog.v1.Keeping'], async () => {
      const { Keeping } = await import('../gen/shiplog/v1/keeping_pb.ts');
      return Keeping;
    }),
    close: () => grpc.close(),
  };
};
