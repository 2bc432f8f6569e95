import { Server } from '@grpc/grpc-js';
import { Rejection } from '../../domain/rejection.ts';
import type { Api } from '../../engine/ports/api.ts';
import type { Names } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { Store } from '../../engine/ports/store/store.ts';
import { trackCalls } from './calls.ts';
import { connectionsInto } from './connections.ts';
import { type Build, containerdServices } from './containerd/services.ts';
import { addServices, served } from './handlers.ts';
import { serverOptions } from './limits.ts';
import { listenOn, type SocketOwner } from './listen.ts';
import { ownServices } from './own-services.ts';

export interface ServeOptions {
  /** Absolute path of the unix socket. */
  readonly address: string;
  /** Of the socket; root's own when absent. */
  readonly owner?: SocketOwner;
  /** Largest messages; 16 MiB when absent. */
  readonly messageBytes?: { readonly receive: number; readonly send: number };
  readonly api: Api;
  /** What containerd's services are served from; absent where no host is behind them. */
  readonly store?: Store;
  readonly build: Build;
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
export const serve = async ({
  address,
  owner,
  messageBytes,
  api,
  store,
  build,
  names,
  logger,
}: ServeOptions): Promise<ServedApi> => {
  const grpc = new Server({
    ...serverOptions,
    ...(messageBytes && {
      'grpc.max_receive_message_length': messageBytes.receive,
      'grpc.max_send_message_length': messageBytes.send,
    }),
  });
  const connections = connectionsInto(grpc, logger, messageBytes?.send);
  const calls = trackCalls({
    names,
    logger,
    arrivalOf: connections.arrivalOf,
    owner,
    onRefused: (method, rejection, cause) => api.system.refused({ method, rejection }, { cause }),
  });
  const services = addServices(
    grpc,
    { ...ownServices(api, logger), ...(store === undefined ? {} : containerdServices(store, build)) },
    calls.open,
  );
  const health = async () => {
    const { Health } = await import('../../gen/grpc/health/v1/health_pb.ts');
    const { healthService } = await import('./health.ts');
    return served(Health, healthService(services));
  };
  addServices(grpc, { 'grpc.health.v1.Health': health }, calls.open);
  const listening = await listenOn(address, connections.accept, owner);

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
