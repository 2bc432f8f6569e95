import { Server } from '@grpc/grpc-js';
import { Rejection } from '../../domain/rejection.ts';
import type { Api } from '../../engine/ports/api.ts';
import type { Names } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { Health } from '../../gen/grpc/health/v1/health_pb.ts';
import { Containers } from '../../gen/shiplog/v1/containers_pb.ts';
import { Images } from '../../gen/shiplog/v1/images_pb.ts';
import { Keeping } from '../../gen/shiplog/v1/keeping_pb.ts';
import { Log } from '../../gen/shiplog/v1/log_pb.ts';
import { Proofs } from '../../gen/shiplog/v1/proofs_pb.ts';
import { Resources } from '../../gen/shiplog/v1/resources_pb.ts';
import { System } from '../../gen/shiplog/v1/system_pb.ts';
import { Time } from '../../gen/shiplog/v1/time_pb.ts';
import { trackCalls } from './calls.ts';
import { connectionsInto } from './connections.ts';
import { containersService } from './containers.ts';
import { addService } from './handlers.ts';
import { healthService } from './health.ts';
import { imagesService } from './images.ts';
import { keepingService } from './keeping.ts';
import { serverOptions } from './limits.ts';
import { listenOn } from './listen.ts';
import { logService } from './log.ts';
import { proofsService } from './proofs.ts';
import { resourcesService } from './resources.ts';
import { systemService } from './system.ts';
import { timeService } from './time.ts';

export interface ServeOptions {
  /** Absolute path of the unix socket. */
  readonly address: string;
  readonly api: Api;
  readonly names: Names;
  readonly logger: Logger;
}

export interface ServedApi {
  /**
   * Takes the socket away, lets calls under way come to their end for `graceMs` milliseconds (0 when absent), then ends
   * them with `unavailable`. Resolves when every connection is closed. Processes of sessions go on.
   */
  close(graceMs?: number): Promise<void>;
}

/** How long calls that were told to end may take to say so to their callers (milliseconds). */
const FAREWELL_MS = 250;

/** Resolves to whether `work` was done in time. */
const within = (ms: number, work: Promise<void>): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(false), ms);
    work.then(() => resolve(true), reject).then(() => clearTimeout(timer));
  });

/**
 * Serves the API over gRPC on a unix socket that only its owner may open. One method of the services is one method of
 * the API; who calls is read from the kernel for each connection.
 *
 * @throws Rejection `failed-precondition` where another process answers on the socket or something else is in its place,
 *   `invalid-argument` for a path that can't be one
 */
export const serve = async ({ address, api, names, logger }: ServeOptions): Promise<ServedApi> => {
  const grpc = new Server(serverOptions);
  const connections = connectionsInto(grpc, logger);
  const calls = trackCalls({
    names,
    logger,
    peerOfCall: connections.peerOfCall,
    onRefused: (method, rejection, cause) => api.system.refused({ method, rejection }, { cause }),
  });
  addService(grpc, Images, imagesService(api.images), calls.open);
  addService(grpc, Containers, containersService(api.containers, logger), calls.open);
  addService(grpc, Log, logService(api.log), calls.open);
  addService(grpc, System, systemService(api.system), calls.open);
  addService(grpc, Proofs, proofsService(api.proofs), calls.open);
  addService(grpc, Resources, resourcesService(api.resources), calls.open);
  addService(grpc, Time, timeService(api.time), calls.open);
  addService(grpc, Keeping, keepingService(api.keeping), calls.open);
  const served = [Images, Containers, Log, System, Proofs, Resources, Time, Keeping].map(
    ({ typeName }) => typeName,
  );
  addService(grpc, Health, healthService(served), calls.open);
  const listening = await listenOn(address, connections.accept);

  const close = async (graceMs: number): Promise<void> => {
    await listening.stop();
    const ended = new Promise<void>((resolve, reject) => {
      grpc.tryShutdown((error) => (error ? reject(error) : resolve()));
    });
    if (await within(graceMs, ended)) return;
    calls.abort(new Rejection('unavailable', 'shiplogd is stopping; try again when it is back'));
    if (await within(FAREWELL_MS, ended)) return;
    connections.destroy();
    grpc.forceShutdown();
    await within(FAREWELL_MS, ended);
  };
  let closing: Promise<void> | undefined;
  return {
    close: (graceMs = 0) => {
      closing ??= close(graceMs);
      return closing;
    },
  };
};
