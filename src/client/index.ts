/** The typed client of shiplogd, published as `shiplog/client`. */
export type { RejectionCode } from '../domain/rejection.ts';
export type { Envelope } from '../gen/containerd/services/events/v1/events_pb.ts';
export type { Progress } from '../gen/containerd/types/transfer/progress_pb.ts';
export type {
  Container,
  ContainerOptions,
  SessionRequest,
  SessionResponse,
} from '../gen/shiplog/v1/containers_pb.ts';
export type { Image, TransferProgress } from '../gen/shiplog/v1/images_pb.ts';
export type { Event } from '../gen/shiplog/v1/types_pb.ts';
export { defaultAddress, parseAddress } from './address.ts';
export type { CallOptions } from './call-options.ts';
export { type ConnectOptions, connect, maxReceiveBytes, type ShiplogClient } from './connect.ts';
export { type ContainerdClient, type ContainerdOptions, connectContainerd } from './containerd/connect.ts';
export type { ContentClient, ContentToWrite } from './containerd/content.ts';
export type { Subscription } from './containerd/events.ts';
export { type Packed, pack, packJson, specTypeUrl, unpack } from './containerd/packed.ts';
export type {
  Account,
  PlatformName,
  PullOptions,
  RegistryOptions,
  TransferClient,
  TransferOptions,
} from './containerd/transfers.ts';
export type { Duplex, ServiceClient } from './service-types.ts';
export { ShiplogError } from './shiplog-error.ts';
