import type { MessageShape } from '@bufbuild/protobuf';
import type { Namespace, SandboxId, Timestamp } from '../../../domain/identity.ts';
import type { SandboxLaunch, SandboxServices } from '../../../engine/ports/store/sandboxes.ts';
import type {
  Controller,
  ControllerCreateRequestSchema,
} from '../../../gen/containerd/services/sandbox/v1/sandbox_pb.ts';
import type { CallContext, Service } from '../handlers.ts';
import { present } from '../parse.ts';
import { anyMessage } from './any.ts';
import { optionalAny, runtimeOf, sandboxIdOf } from './sandboxes.ts';
import { tenantOf } from './tenancy.ts';
import { timestampOf } from './timestamp.ts';

const launchOf = (request: MessageShape<typeof ControllerCreateRequestSchema>): SandboxLaunch => {
  const { sandbox, rootfs, options, netnsPath, annotations } = request;
  return {
    rootfs: rootfs.map(({ type, source, target, options: words }) => ({
      type,
      source,
      target,
      options: words,
    })),
    netns: netnsPath,
    annotations,
    ...present({
      options: optionalAny(options, 'options'),
      runtime: sandbox?.runtime === undefined ? undefined : runtimeOf(sandbox),
      spec: optionalAny(sandbox?.spec, 'sandbox.spec'),
    }),
  };
};

const at = (time: Timestamp | undefined) => (time === undefined ? undefined : timestampOf(time));

interface Named {
  readonly sandboxId: string;
  readonly sandboxer: string;
}

export const sandboxControllerService = (store: SandboxServices): Service<typeof Controller> => {
  const of = ({ sandboxId, sandboxer }: Named, call: CallContext) => {
    const controller = store.controller(sandboxer);
    const sandbox: readonly [Namespace, SandboxId] = [tenantOf(call), sandboxIdOf(sandboxId)];
    return { controller, sandbox };
  };
  return {
    create: async (request, call) => {
      const { controller, sandbox } = of(request, call);
      await controller.create(...sandbox, launchOf(request), call);
      return { sandboxId: request.sandboxId };
    },
    start: async (request, call) => {
      const { controller, sandbox } = of(request, call);
      const { pid, createdAt, address, version } = await controller.start(...sandbox, call);
      return { sandboxId: request.sandboxId, pid, createdAt: timestampOf(createdAt), address, version };
    },
    platform: async (request, call) => {
      const { controller, sandbox } = of(request, call);
      const { os, architecture, variant = '' } = await controller.platform(...sandbox);
      return { platform: { os, architecture, variant } };
    },
    stop: async (request, call) => {
      const { controller, sandbox } = of(request, call);
      await controller.stop(...sandbox, request.timeoutSecs, call);
      return {};
    },
    wait: async (request, call) => {
      const { controller, sandbox } = of(request, call);
      const { exitStatus, exitedAt } = await controller.wait(...sandbox, call.signal);
      return { exitStatus, exitedAt: timestampOf(exitedAt) };
    },
    status: async (request, call) => {
      const { controller, sandbox } = of(request, call);
      const { sandboxId } = request;
      const report = await controller.status(...sandbox, request.verbose);
      const { pid, state, info, createdAt, exitedAt, extra, address, version } = report;
      const times = present({ createdAt: at(createdAt), exitedAt: at(exitedAt) });
      const more = extra === undefined ? {} : { extra: anyMessage(extra) };
      return { sandboxId, pid, state, info: { ...info }, ...times, ...more, address, version };
    },
    shutdown: async (request, call) => {
      const { controller, sandbox } = of(request, call);
      await controller.shutdown(...sandbox, call);
      return {};
    },
    metrics: async (request, call) => {
      const { controller, sandbox } = of(request, call);
      const { id, at: time, data } = await controller.metrics(...sandbox);
      const more = data === undefined ? {} : { data: anyMessage(data) };
      return { metrics: { id, ...present({ timestamp: at(time) }), ...more } };
    },
    update: async (request, call) => {
      const { controller, sandbox } = of(request, call);
      controller.update(...sandbox);
      return {};
    },
  };
};
