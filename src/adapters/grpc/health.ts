import { Rejection } from '../../domain/rejection.ts';
import {
  type Health,
  HealthCheckResponse_ServingStatus as Status,
} from '../../gen/grpc/health/v1/health_pb.ts';
import type { Service } from './handlers.ts';

/** gRPC's own health check: a daemon that answers is one that serves. @param services full names of what it serves */
export const healthService = (services: readonly string[]): Service<typeof Health> => ({
  check: async ({ service }) => {
    if (service === '' || services.includes(service)) return { status: Status.SERVING };
    throw new Rejection(
      'not-found',
      `service '${service}' is not served here; there are ${services.join(', ')}`,
    );
  },
  // What is served stays the same while the daemon runs; the stream ends with it.
  async *watch({ service }, { signal }) {
    const known = service === '' || services.includes(service);
    yield { status: known ? Status.SERVING : Status.SERVICE_UNKNOWN };
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
});
