import type { ContainersApi } from '../../engine/ports/api.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { Containers, LogsRequest } from '../../gen/shiplog/v1/containers_pb.ts';
import { atOf } from './at.ts';
import { containerMessage, detailsMessage, logEntryMessage, processMessage } from './container-messages.ts';
import { newContainerOf, signalOf } from './container-options.ts';
import { resolver, targetOf } from './container-target.ts';
import type { Service } from './handlers.ts';
import { namespaceOf, numberOf, present } from './parse.ts';
import { sessionService } from './session.ts';

const logOptions = ({ follow, tail, sinceUs, untilUs }: LogsRequest) => ({
  follow,
  ...present({
    tail,
    since: sinceUs === undefined ? undefined : numberOf(sinceUs, 'since_us'),
    until: untilUs === undefined ? undefined : numberOf(untilUs, 'until_us'),
  }),
});

/** Containers in one answer of a streamed list. */
const piece = 256;

export const containersService = (api: ContainersApi, logger: Logger): Service<typeof Containers> => ({
  create: async ({ namespace, options }, context) => {
    const input = await newContainerOf(namespaceOf(namespace), options, resolver(api));
    return { ...(await api.create(input, context)) };
  },
  start: async (request, context) => ({ ...(await api.start(targetOf(request), context)) }),
  stop: async (request, context) => {
    const signal = request.signal === '' ? undefined : signalOf(request.signal, 'signal');
    const how = present({ timeout: request.timeout, signal });
    return { ...(await api.stop({ ...targetOf(request), ...how }, context)) };
  },
  kill: async (request, context) => {
    await api.kill({ ...targetOf(request), signal: signalOf(request.signal || 'KILL', 'signal') }, context);
    return {};
  },
  pause: async (request, context) => {
    await api.pause(targetOf(request), context);
    return {};
  },
  unpause: async (request, context) => {
    await api.unpause(targetOf(request), context);
    return {};
  },
  wait: async (request, context) => {
    const { exitCode, exitedAt } = await api.wait(targetOf(request), context);
    return { exitCode, exitedUs: BigInt(exitedAt) };
  },
  remove: async (request, context) => {
    await api.remove({ ...targetOf(request), force: request.force }, context);
    return {};
  },
  list: async ({ namespace, all, filters, at }, { signal }) => {
    const options = { all, filters, ...present({ at: atOf(at) }) };
    const found = await api.list(namespaceOf(namespace), options, signal);
    return { containers: Array.from(found, containerMessage) };
  },
  listStream: async function* ({ namespace, all, filters, at }, { signal }) {
    const options = { all, filters, ...present({ at: atOf(at) }) };
    const found = await api.list(namespaceOf(namespace), options, signal);
    let containers: ReturnType<typeof containerMessage>[] = [];
    for (const view of found) {
      if (containers.push(containerMessage(view)) < piece) continue;
      yield { containers };
      containers = [];
    }
    if (containers.length > 0) yield { containers };
  },
  inspect: async (request, { signal }) => {
    const target = { ...targetOf(request), ...present({ at: atOf(request.at) }) };
    return detailsMessage(await api.inspect(target, signal));
  },
  top: async (request) => ({ processes: (await api.top(targetOf(request))).map(processMessage) }),
  logs: async function* (request, { signal }) {
    for await (const entry of api.logs(targetOf(request), { ...logOptions(request), signal })) {
      yield logEntryMessage(entry);
    }
  },
  session: sessionService(api, logger),
});
