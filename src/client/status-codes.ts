import { status } from '@grpc/grpc-js';
import type { RejectionCode } from '../domain/rejection.ts';

/** The one table between Shiplog's reasons for a no and gRPC's status codes; both sides of the socket use it. */
export const statusOfRejection = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'failed-precondition': status.FAILED_PRECONDITION,
  'out-of-range': status.OUT_OF_RANGE,
  'permission-denied': status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  aborted: status.ABORTED,
  cancelled: status.CANCELLED,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
  'data-loss': status.DATA_LOSS,
  unimplemented: status.UNIMPLEMENTED,
  unknown: status.UNKNOWN,
  internal: status.INTERNAL,
} as const satisfies Record<RejectionCode, status>;

const rejectionOf = new Map<status, RejectionCode>(
  (Object.keys(statusOfRejection) as RejectionCode[]).map((code) => [statusOfRejection[code], code]),
);

/** The reason behind a gRPC status code; `unknown` for a number that gRPC doesn't have. */
export const rejectionOfStatus = (code: number): RejectionCode => rejectionOf.get(code) ?? 'unknown';
