import type { Position } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Api } from '../ports/api.ts';

const refuse = (): never => {
  throw new Rejection(
    'failed-precondition',
    'this is a look at a log that is kept, not a host: it answers ps, images, inspect, snapshots, content, leases, namespaces, events, history, why, diff, blame, causes, replay, bisect and info, and nothing can be changed or run',
  );
};

/** What may be asked; everything else is refused, also what comes to the API later. */
const only = <T extends object>(part: T, kept: readonly (keyof T & string)[]): T =>
  Object.fromEntries(
    Object.entries(part).map(([name, method]) => [name, kept.some((one) => one === name) ? method : refuse]),
  ) as T;

/**
 * The half of the API that only looks, over a log that nobody writes.
 * @param end of the log: there, bytes of content are as far away as at any moment of the past
 */
export const readOnly = (api: Api, end: Position): Api => {
  const images = only(api.images, ['list', 'inspect']);
  const last = { position: end };
  return {
    ...api,
    images: {
      ...images,
      list: (namespace, options, signal) =>
        api.images.list(namespace, { ...options, at: options?.at ?? last }, signal),
      inspect: (namespace, image, at, signal) => api.images.inspect(namespace, image, at ?? last, signal),
    },
    containers: only(api.containers, ['list', 'inspect']),
    log: only(api.log, ['events', 'history', 'why', 'horizon']),
    system: only(api.system, ['version', 'info', 'counts', 'garbage']),
    proofs: only(api.proofs, ['keys']),
    keeping: only(api.keeping, []),
  };
};
