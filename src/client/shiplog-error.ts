import { type ServiceError, status } from '@grpc/grpc-js';
import type { RejectionCode } from '../domain/rejection.ts';
import { exitCodeTrailer } from './metadata.ts';
import { rejectionOfStatus } from './status-codes.ts';

/** A call that failed: the daemon said no, or could not be asked. */
export class ShiplogError extends Error {
  readonly code: RejectionCode;
  /** What a command line should exit with, where the daemon said (126 and 127 of a failed start). */
  readonly exitCode: number | undefined;
  /** The daemon never saw the call. */
  readonly unreachable: boolean;

  constructor(
    code: RejectionCode,
    message: string,
    options: ErrorOptions & { readonly exitCode?: number | undefined; readonly unreachable?: boolean } = {},
  ) {
    super(message, options);
    this.name = 'ShiplogError';
    this.code = code;
    this.exitCode = options.exitCode;
    this.unreachable = options.unreachable ?? false;
  }
}

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' && 'metadata' in error;

/** grpc-js has no code of its own for this; its words are all there is to tell it from a daemon that answers so. */
const NEVER_CONNECTED = /^(?:No connection established|Failed to connect|Name resolution failed)/;
const LOST = /^(?:Connection dropped|Stream refused by server|read ECONNRESET|write EPIPE)/;

const unreachable = (address: string, error: ServiceError): ShiplogError => {
  const denied = /EACCES|EPERM/.test(error.details);
  const hint = denied
    ? 'you may not open the socket: run as root or as a user the socket belongs to'
    : 'is it running? start it with `systemctl start shiplogd` or `shiplogd`, or name another one with --address';
  return new ShiplogError(
    denied ? 'permission-denied' : 'unavailable',
    `cannot reach shiplogd at ${address}: ${denied ? 'permission denied' : cause(error.details)}; ${hint}`,
    { cause: error, unreachable: true },
  );
};

const cause = (details: string): string => {
  if (details.includes('ENOENT')) return 'there is no such socket';
  if (details.includes('ECONNREFUSED')) return 'nobody listens on that socket';
  return details;
};

const exitCodeIn = (error: ServiceError): number | undefined => {
  const [value] = error.metadata.get(exitCodeTrailer);
  const code = Number(value);
  return value !== undefined && Number.isInteger(code) && code >= 0 && code <= 255 ? code : undefined;
};

/** What a caught value of a call means; `address` is named where the daemon could not be asked. */
export const asShiplogError = (error: unknown, address: string): ShiplogError => {
  if (error instanceof ShiplogError) return error;
  if (!isServiceError(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return new ShiplogError('internal', message, { cause: error });
  }
  if (error.code === status.UNAVAILABLE && NEVER_CONNECTED.test(error.details))
    return unreachable(address, error);
  if (error.code === status.UNAVAILABLE && LOST.test(error.details)) {
    const message = `lost the connection to shiplogd at ${address}: ${error.details}; what was asked may have happened: look with \`shiplog events\``;
    return new ShiplogError('unavailable', message, { cause: error });
  }
  if (error.code === status.DEADLINE_EXCEEDED) {
    const message = `shiplogd at ${address} did not answer in time; try again, or look at its log`;
    return new ShiplogError('deadline-exceeded', message, { cause: error });
  }
  return new ShiplogError(rejectionOfStatus(error.code), error.details, {
    cause: error,
    exitCode: exitCodeIn(error),
  });
};
