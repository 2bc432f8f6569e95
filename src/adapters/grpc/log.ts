import { position } from '../../domain/identity.ts';
import type { LogApi } from '../../engine/ports/api.ts';
import type { Log } from '../../gen/shiplog/v1/log_pb.ts';
import { atOf } from './at.ts';
import { eventMessage } from './event-messages.ts';
import type { Service } from './handlers.ts';
import { namespaceOf, numberOf, present, required } from './parse.ts';
import { progressOf } from './progress.ts';

async function* mapped<T, U>(source: AsyncIterable<T>, map: (item: T) => U): AsyncGenerator<U> {
  for await (const item of source) yield map(item);
}

const optional = <T, U>(value: T | undefined, map: (value: T) => U): U | undefined =>
  value === undefined ? undefined : map(value);

export const logService = (api: LogApi): Service<typeof Log> => ({
  events: (request, { signal }) => {
    const query = {
      follow: request.follow,
      filters: request.filters,
      ...present({
        namespace: request.namespace === '' ? undefined : namespaceOf(request.namespace),
        from: optional(request.fromPosition, position),
        since: optional(request.sinceUs, (us) => numberOf(us, 'since_us')),
        until: optional(request.untilUs, (us) => numberOf(us, 'until_us')),
      }),
    };
    return mapped(api.events(query, signal), eventMessage);
  },
  history: ({ namespace, thing, sinceUs, untilUs, filters }) => {
    const query = {
      namespace: namespaceOf(namespace),
      thing: required(thing, 'thing'),
      filters,
      ...present({
        since: optional(sinceUs, (us) => numberOf(us, 'since_us')),
        until: optional(untilUs, (us) => numberOf(us, 'until_us')),
      }),
    };
    return mapped(api.history(query), eventMessage);
  },
  horizon: async ({ namespace, thing }) => {
    const query = { namespace: namespaceOf(namespace), thing: required(thing, 'thing') };
    const { position: at, archives, reachesBelow } = await api.horizon(query);
    return { position: at, archives: [...archives], reachesBelow };
  },
  why: async ({ namespace, thing, at }, { signal }) => {
    const query = { namespace: namespaceOf(namespace), thing: required(thing, 'thing') };
    const found = await api.why({ ...query, ...present({ at: atOf(at) }) }, signal);
    return {
      subject: found.subject,
      kept: found.kept,
      path: found.path.map(({ from, to, kind, since }) => ({ from, to, kind, sincePosition: since })),
      freed: found.freed.map(eventMessage),
    };
  },
  verify: ({ notes, vkeys }) =>
    progressOf(
      (push: (news: { checked: number; total: number }) => void) =>
        api.verify({ notes, vkeys }, (checked, total) => push({ checked, total })),
      () => 'checked',
      ({ checked, total }) => ({ eventsChecked: BigInt(checked), eventsTotal: BigInt(total) }),
      ({ ok, message, headHash, checked, position: at }) => ({
        eventsChecked: BigInt(checked),
        eventsTotal: BigInt(checked),
        result: { ok, message, headHash, ...present({ position: at }) },
      }),
    ),
});
