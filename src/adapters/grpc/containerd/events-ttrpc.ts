import type { EventService } from '../../../engine/ports/store/events.ts';
import { Events } from '../../../gen/containerd/services/events/ttrpc/v1/events_pb.ts';
import { served, serveTtrpc, type TtrpcServer } from '../../ttrpc/server.ts';
import { forward } from './events.ts';

/**
 * Serves the one method of containerd's events that is called over ttrpc, at a unix socket that is root's alone. Tools that
 * stand beside a daemon tell it of their events here; Shiplog's own shims have a socket of their own, since what they tell
 * stands in the log already.
 */
export const serveForwarding = (path: string, store: Pick<EventService, 'publish'>): Promise<TtrpcServer> =>
  serveTtrpc(path, [
    served(Events.method.forward, async ({ envelope }) => {
      forward(store, envelope);
      return {};
    }),
  ]);
