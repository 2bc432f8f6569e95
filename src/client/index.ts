/** The typed client of shiplogd, published as `shiplog/client`. */
export type {
  Container,
  ContainerOptions,
  SessionRequest,
  SessionResponse,
} from '../gen/shiplog/v1/containers_pb.ts';
export type { Image, TransferProgress } from '../gen/shiplog/v1/images_pb.ts';
export type { Event } from '../gen/shiplog/v1/types_pb.ts';
export { defaultAddress, parseAddress } from './address.ts';
export type { CallOptions } from './calls.ts';
export { type ConnectOptions, connect, maxReceiveBytes, type ShiplogClient } from './connect.ts';
export type { ServiceClient } from './service-client.ts';
export { ShiplogError } from './shiplog-error.ts';
export type { Duplex } from './streams.ts';
