import { Metadata, status } from '@grpc/grpc-js';
import { Rejection, type RejectionCode } from '../../domain/rejection.ts';

/** What an error of a call means. */
export interface Failure {
  /** Whether the same call may succeed later; then it is also unknown whether the server carried it out. */
  readonly passing: boolean;
  readonly code: RejectionCode;
  readonly words: string;
}

/** The server stopped answering in the middle of an answer. */
export class Stalled extends Error {
  constructor(milliseconds: number) {
    super(`the server has sent nothing for ${milliseconds} ms`);
    this.name = 'Stalled';
  }
}

interface Meaning {
  readonly passing: boolean;
  readonly code: RejectionCode;
  readonly advice: string;
}

const wait = 'It may be restarting or out of reach; look at the server and the network';
const unavailable: Meaning = { passing: true, code: 'unavailable', advice: wait };

/** By the name of the exception that the server puts into the trailer `exception`; it says more than the status. */
const byException: Readonly<Record<string, Meaning>> = {
  'not-leader': { passing: true, code: 'unavailable', advice: 'The cluster is choosing a leader' },
  'access-denied': {
    passing: false,
    code: 'permission-denied',
    advice: 'Give this user the right to read and write the stream',
  },
  'stream-deleted': {
    passing: false,
    code: 'failed-precondition',
    advice: 'The stream was deleted for good; give the host a new id, or restore the database',
  },
  'maximum-append-size-exceeded': {
    passing: false,
    code: 'resource-exhausted',
    advice: 'Raise MaxAppendSize of the server, or append less at once',
  },
  'maximum-append-event-size-exceeded': {
    passing: false,
    code: 'resource-exhausted',
    advice: 'Raise MaxAppendEventSize of the server, which is for a single event',
  },
};

const byStatus: Readonly<Record<number, Meaning>> = {
  [status.DEADLINE_EXCEEDED]: { passing: true, code: 'deadline-exceeded', advice: wait },
  [status.UNAUTHENTICATED]: {
    passing: false,
    code: 'unauthenticated',
    advice: 'Check user and password in the connection string',
  },
  [status.PERMISSION_DENIED]: {
    passing: false,
    code: 'permission-denied',
    advice: 'Give this user the right to read and write the stream',
  },
  [status.INVALID_ARGUMENT]: { passing: false, code: 'invalid-argument', advice: 'See its log' },
  [status.FAILED_PRECONDITION]: { passing: false, code: 'failed-precondition', advice: 'See its log' },
  [status.RESOURCE_EXHAUSTED]: {
    passing: false,
    code: 'resource-exhausted',
    advice: 'Append less at once, or raise the limits of the server',
  },
  [status.UNIMPLEMENTED]: {
    passing: false,
    code: 'unimplemented',
    advice: 'Check that the address is that of EventStoreDB 20 or later, or KurrentDB',
  },
};

/** Sorts what a call threw. What is not known is taken for passing: trying again is safe, giving up is not always. */
export const failureOf = (error: unknown): Failure => {
  const words = error instanceof Error ? error.message : String(error);
  if (error instanceof TypeError || error instanceof RangeError) {
    return { passing: false, code: 'internal', words: `${words}. This is a fault in Shiplog` };
  }
  if (error instanceof Stalled)
    return { passing: true, code: 'deadline-exceeded', words: `${words}. ${wait}` };
  const { passing, code, advice } = meaningOf(error);
  return { passing, code, words: `${words}. ${advice}` };
};

const meaningOf = (error: unknown): Meaning => {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') return unavailable;
  const known = byStatus[error.code];
  // "access-denied" covers both; the status tells a wrong password from a missing right.
  if (error.code === status.UNAUTHENTICATED && known !== undefined) return known;
  return byException[exceptionOf(error)] ?? known ?? unavailable;
};

const exceptionOf = (error: Error): string =>
  'metadata' in error && error.metadata instanceof Metadata
    ? String(error.metadata.get('exception')[0] ?? '')
    : '';

/** @param asked what was being done, as the beginning of a sentence */
export const rejectionOf = (asked: string, failure: Failure, cause: unknown): Rejection =>
  new Rejection(failure.code, `${asked}: ${failure.words}.`, { cause });
