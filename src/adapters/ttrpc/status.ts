import { Rejection, type RejectionCode } from '../../domain/rejection.ts';

/** google.rpc.Code, as ttrpc carries it, to our reasons. */
const codes: Readonly<Record<number, RejectionCode>> = {
  1: 'cancelled',
  2: 'unknown',
  3: 'invalid-argument',
  4: 'deadline-exceeded',
  5: 'not-found',
  6: 'already-exists',
  7: 'permission-denied',
  8: 'resource-exhausted',
  9: 'failed-precondition',
  10: 'aborted',
  11: 'out-of-range',
  12: 'unimplemented',
  13: 'internal',
  14: 'unavailable',
  15: 'data-loss',
  16: 'unauthenticated',
};

/** A status that a ttrpc server answered with. The message is the server's own. */
export const rejectionOfStatus = (status: { code: number; message: string }): Rejection =>
  new Rejection(codes[status.code] ?? 'unknown', status.message);

export const statusOfRejection = (rejection: Rejection): { code: number; message: string } => {
  const found = Object.entries(codes).find(([, code]) => code === rejection.code);
  return { code: found ? Number(found[0]) : 2, message: rejection.message };
};
