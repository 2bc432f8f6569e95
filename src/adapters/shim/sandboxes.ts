import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type DescMessage,
  type DescMethodUnary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { AnySchema, type Timestamp as WireTimestamp } from '@bufbuild/protobuf/wkt';
import { ContainerId, Timestamp } from '../../domain/identity.ts';
import { asRejection, isRejection, Rejection } from '../../domain/rejection.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { SandboxKey, SandboxOrder, SandboxShims } from '../../engine/ports/sandbox-shims.ts';
import { Sandbox } from '../../gen/containerd/runtime/sandbox/v1/sandbox_pb.ts';
import { FileType, mknod } from '../syscalls/node.ts';
import type { TtrpcClient } from '../ttrpc/client.ts';
import { anyOf, anyValueOf } from './any.ts';
import { removeBundle } from './bundle.ts';
import { type Endpoint, parseEndpoint, readEndpoint, socketPath, writeEndpoint } from './endpoint.ts';
import { copyShimLog } from './log-fifo.ts';
import { type ShimTimeouts, shimTimeouts } from './options.ts';
import { killThoseIn } from './purge.ts';
import {
  listSandboxBundles,
  makeSandboxBundle,
  readSandboxBundle,
  type SandboxBundle,
  sandboxBundlePath,
} from './sandbox-bundle.ts';
import { findShim, runShimAction } from './shim-binary.ts';
import { connectShim } from './task-client.ts';

export interface SandboxShimsOptions {
  /** Gone after a reboot. */
  readonly stateDirectory: string;
  /** Socket of the daemon. */
  readonly address: string;
  /** Where shims forward their events to. */
  readonly ttrpcAddress: string;
  readonly logger: Logger;
  readonly timeouts?: Partial<ShimTimeouts>;
}

interface Connected {
  readonly client: TtrpcClient;
  readonly endpoint: Endpoint;
  readonly closeLog: () => void;
}

const keyOf = ({ namespace, id }: SandboxKey): string => `${namespace}/${id}`;
const timeOf = (at: WireTimestamp | undefined): Timestamp | undefined =>
  at === undefined
    ? undefined
    : Timestamp.parse(Number(at.seconds) * 1_000_000 + Math.floor(at.nanos / 1000));
/** Without the fields that are undefined. */
const known = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** Runs sandboxes through containerd's shims, over ttrpc or gRPC. */
export const createSandboxShims = (options: SandboxShimsOptions): SandboxShims => {
  const timeouts = { ...shimTimeouts, ...options.timeouts };
  const shims = new Map<string, Connected>();
  const bundleOf = (sandbox: SandboxKey): string => sandboxBundlePath(options.stateDirectory, sandbox);

  const shimOf = (sandbox: SandboxKey): Connected => {
    const shim = shims.get(keyOf(sandbox));
    if (shim) return shim;
    throw new Rejection(
      'not-found',
      `sandbox "${sandbox.id}" in namespace "${sandbox.namespace}" has no shim: not found`,
    );
  };
  const drop = (sandbox: SandboxKey): void => {
    const shim = shims.get(keyOf(sandbox));
    shims.delete(keyOf(sandbox));
    shim?.client.close();
    shim?.closeLog();
  };
  const call = <I extends DescMessage, O extends DescMessage>(
    sandbox: SandboxKey,
    method: DescMethodUnary<I, O>,
    input: MessageInitShape<I>,
    timeoutMs = timeouts.call,
  ): Promise<MessageShape<O>> => shimOf(sandbox).client.call(method, input, timeoutMs);

  const connect = async (sandbox: SandboxKey, endpoint: Endpoint): Promise<void> => {
    const bundle = bundleOf(sandbox);
    const { namespace } = sandbox;
    const closeLog = copyShimLog(bundle, { namespace, id: ContainerId.parse(sandbox.id) }, options.logger);
    try {
      const name = `the shim of sandbox ${keyOf(sandbox)}`;
      const client = await connectShim({ endpoint, namespace, name }, timeouts.connect);
      shims.set(keyOf(sandbox), { client, endpoint, closeLog });
    } catch (error) {
      closeLog();
      throw error;
    }
  };

  const run = (
    sandbox: SandboxKey,
    bundle: string,
    shim: string,
    action: readonly string[],
    stdin?: Uint8Array,
  ) =>
    runShimAction({
      binary: shim,
      args: [
        ...['-namespace', sandbox.namespace, '-address', options.address, '-publish-binary', ''],
        ...['-id', sandbox.id, ...action],
      ],
      bundle,
      ttrpcAddress: options.ttrpcAddress,
      ...(stdin === undefined ? {} : { stdin }),
      timeoutMs: action.includes('start') ? timeouts.shimStart : timeouts.purge,
    });

  const purge = async (sandbox: SandboxKey): Promise<void> => {
    drop(sandbox);
    const bundle = bundleOf(sandbox);
    const record = await readSandboxBundle(bundle);
    if (record === undefined) return removeBundle(bundle);
    await killThoseIn(bundle);
    await cleanUp(sandbox, bundle, record);
    const socket = await socketOf(bundle);
    if (socket?.startsWith('/')) await rm(socket, { force: true });
    await removeBundle(bundle);
  };

  const cleanUp = async (sandbox: SandboxKey, bundle: string, { shim }: SandboxBundle): Promise<void> => {
    try {
      await run(sandbox, bundle, shim, ['-bundle', bundle, 'delete']);
    } catch (error) {
      if (!isRejection(error)) throw error;
      // A shim that has nothing left to clean up may say so by failing.
      options.logger.info('the clean-up of a sandbox failed', { ...sandbox, error: error.message });
    }
  };

  const make = async (order: SandboxOrder, bundle: string, record: SandboxBundle): Promise<void> => {
    const { sandbox, runtime } = order;
    mknod(join(bundle, 'log'), FileType.fifo | 0o600);
    const stdin =
      runtime.options === undefined ? new Uint8Array() : toBinary(AnySchema, anyOf(runtime.options));
    const printed = await run(sandbox, bundle, record.shim, ['start'], stdin);
    const endpoint = parseEndpoint(printed.toString('utf8'), record.shim);
    writeEndpoint(bundle, endpoint);
    await connect(sandbox, endpoint);
    const request = {
      sandboxId: sandbox.id,
      bundlePath: bundle,
      rootfs: order.rootfs.map((mount) => ({ ...mount, options: [...mount.options] })),
      ...(order.options === undefined ? {} : { options: anyOf(order.options) }),
      netnsPath: order.netns,
      annotations: { ...order.annotations },
    };
    await call(sandbox, Sandbox.method.createSandbox, request, timeouts.create);
  };

  return {
    async launch(order) {
      const { sandbox, spec } = order;
      const bundle = bundleOf(sandbox);
      if (await readSandboxBundle(bundle)) {
        throw new Rejection('already-exists', `sandbox ${sandbox.id} already running: already exists`);
      }
      if (spec !== undefined && !('json' in spec)) {
        throw new Rejection(
          'invalid-argument',
          `the specification of sandbox '${sandbox.id}' is no JSON text`,
        );
      }
      const shim = findShim(order.runtime.name, process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin');
      const record: SandboxBundle = { version: 1, shim };
      try {
        await makeSandboxBundle(bundle, record, spec?.json ?? '{}');
        await make(order, bundle, record);
      } catch (error) {
        await purge(sandbox).catch((failed: unknown) => {
          options.logger.warn('a sandbox that could not be made left something behind', {
            ...sandbox,
            error: asRejection(failed).message,
          });
        });
        throw error;
      }
    },
    async start(sandbox) {
      const { pid, createdAt } = await call(
        sandbox,
        Sandbox.method.startSandbox,
        { sandboxId: sandbox.id },
        timeouts.create,
      );
      return { pid, ...known({ createdAt: timeOf(createdAt) }) };
    },
    async platform(sandbox) {
      const { platform } = await call(sandbox, Sandbox.method.platform, { sandboxId: sandbox.id });
      const { os = '', architecture = '', variant = '' } = platform ?? {};
      return { os, architecture, ...(variant === '' ? {} : { variant }) };
    },
    async stop(sandbox, timeoutSecs) {
      const request = { sandboxId: sandbox.id, timeoutSecs };
      await call(sandbox, Sandbox.method.stopSandbox, request, timeouts.call + timeoutSecs * 1000);
    },
    async wait(sandbox) {
      const { exitStatus, exitedAt } = await call(
        sandbox,
        Sandbox.method.waitSandbox,
        { sandboxId: sandbox.id },
        0,
      );
      return { exitStatus, exitedAt: timeOf(exitedAt) ?? Timestamp.parse(0) };
    },
    async status(sandbox, verbose) {
      const answer = await call(sandbox, Sandbox.method.sandboxStatus, { sandboxId: sandbox.id, verbose });
      const { pid, state, info, createdAt, exitedAt, extra } = answer;
      const times = known({ createdAt: timeOf(createdAt), exitedAt: timeOf(exitedAt) });
      return { pid, state, info, ...times, ...(extra === undefined ? {} : { extra: anyValueOf(extra) }) };
    },
    async metrics(sandbox) {
      const { metrics } = await call(sandbox, Sandbox.method.sandboxMetrics, { sandboxId: sandbox.id });
      const { id = '', timestamp, data } = metrics ?? {};
      return {
        id,
        ...known({ at: timeOf(timestamp) }),
        ...(data === undefined ? {} : { data: anyValueOf(data) }),
      };
    },
    async shutdown(sandbox) {
      const { client } = shimOf(sandbox);
      try {
        await call(sandbox, Sandbox.method.shutdownSandbox, { sandboxId: sandbox.id });
      } catch (error) {
        // A shim may go before it answers; that it goes is what counts.
        if (!isRejection(error) || error.code !== 'unavailable') throw error;
      }
      await goneWithin(client, timeouts.shutdown);
      await purge(sandbox);
    },
    endpoint: (sandbox) => shimOf(sandbox).endpoint,
    list: () => listSandboxBundles(options.stateDirectory),
    async adopt(sandbox) {
      if (shims.has(keyOf(sandbox))) return;
      const endpoint = readEndpoint(bundleOf(sandbox));
      if (endpoint === undefined) {
        throw new Rejection('unavailable', `the shim of sandbox ${keyOf(sandbox)} was never started`);
      }
      await connect(sandbox, endpoint);
    },
    purge,
    close() {
      for (const { client, closeLog } of shims.values()) {
        client.close();
        closeLog();
      }
      shims.clear();
    },
  };
};

const socketOf = async (bundle: string): Promise<string | undefined> => {
  const endpoint = readEndpoint(bundle);
  return endpoint && socketPath(endpoint.address, endpoint.protocol);
};

/** Resolves when the connection, and so the shim, has ended, or the time is over. */
const goneWithin = async (client: TtrpcClient, timeoutMs: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([client.closed, late]);
  clearTimeout(timer);
};
