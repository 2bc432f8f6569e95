/**
 * The closed set of reasons for which Shiplog says no. One table per transport maps them
 * (gRPC status codes, exit codes of the command line).
 */
export const rejectionCodes = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'failed-precondition',
  'out-of-range',
  'permission-denied',
  'unauthenticated',
  'resource-exhausted',
  'unavailable',
  'aborted',
  'cancelled',
  'deadline-exceeded',
  'data-loss',
  'unimplemented',
  'unknown',
  'internal',
] as const;
export type RejectionCode = (typeof rejectionCodes)[number];

/**
 * A refusal. The message says what was asked, what is wrong, and what to do about it.
 * Deciders return it as a value; the engine throws it at the edge of a dispatch.
 */
export class Rejection extends Error {
  readonly code: RejectionCode;
  constructor(code: RejectionCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'Rejection';
    this.code = code;
  }
}

/** Tells a refusal from the events of a decision. */
export const isRejection = (value: unknown): value is Rejection => value instanceof Rejection;

/** The rejection that a caught value is, or an internal one that keeps it as its cause. */
export const asRejection = (error: unknown): Rejection =>
  isRejection(error)
    ? error
    : new Rejection('internal', error instanceof Error ? error.message : String(error), { cause: error });
