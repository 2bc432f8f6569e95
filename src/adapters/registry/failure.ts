import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { isRejection, Rejection, type RejectionCode } from '../../domain/rejection.ts';
import { cancellation } from './cancellation.ts';
import { safeWords } from './redact.ts';
import { retryAfterOf } from './retry.ts';

/** A refusal of a registry, or a connection to it that failed; knows whether trying again may help. */
export class RegistryFailure extends Rejection {
  readonly retryable: boolean;
  /** What the registry asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  constructor(
    code: RejectionCode,
    message: string,
    about: { retryable?: boolean; retryAfterMs?: number | undefined; status?: number; cause?: unknown } = {},
  ) {
    super(code, message, { cause: about.cause });
    this.retryable = about.retryable ?? false;
    this.retryAfterMs = about.retryAfterMs;
    this.status = about.status;
  }
}

/** What a message needs to name. */
export interface Asked {
  /** Registry host, with the port where it is not the usual one. */
  readonly host: string;
  /** Such as `manifest of library/alpine:latest`. */
  readonly what: string;
  /** Never to be seen in a message. */
  readonly secrets: readonly string[];
}

/** Error body of the distribution specification, section "Error Codes". */
const ErrorBody = z.object({
  errors: z.array(z.object({ code: z.string().optional(), message: z.string().optional() })).min(1),
});

/** Bytes of an error body that are looked at. */
const ERROR_BODY_LIMIT = 16 * 1024;

const codeOf = (status: number): RejectionCode => {
  if (status >= 500) return status === 501 ? 'unimplemented' : 'unavailable';
  const known: Readonly<Record<number, RejectionCode>> = {
    400: 'failed-precondition',
    401: 'unauthenticated',
    403: 'permission-denied',
    404: 'not-found',
    405: 'unimplemented',
    408: 'unavailable',
    409: 'aborted',
    413: 'resource-exhausted',
    416: 'failed-precondition',
    429: 'resource-exhausted',
  };
  return known[status] ?? 'unknown';
};

const advice: Readonly<Record<number, string>> = {
  401: '; log in with `docker login` or check the name',
  403: '; the account may not do this',
  429: '; too many requests, try again later or log in for a higher limit',
};

const retryableStatuses = new Set([408, 429, 500, 502, 503, 504]);

/** The failure that a response is; reads what it needs of the body and lets go of the rest. */
export const failureOf = async (answer: Dispatcher.ResponseData, asked: Asked, nowMs: number) => {
  const { statusCode: status, headers } = answer;
  const words = safeWords(registryWords(await textOf(answer.body)), asked.secrets);
  return new RegistryFailure(
    codeOf(status),
    `${asked.host}: ${asked.what}: HTTP ${status}${words === '' ? '' : `: ${words}`}${advice[status] ?? ''}`,
    {
      status,
      retryable: retryableStatuses.has(status),
      retryAfterMs: retryAfterOf(headers['retry-after'], nowMs),
    },
  );
};

const textOf = async (body: Dispatcher.ResponseData['body']): Promise<string> => {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      if (!(piece instanceof Uint8Array)) break;
      pieces.push(piece);
      size += piece.length;
      if (size >= ERROR_BODY_LIMIT) break;
    }
  } catch (error) {
    return `(its words were cut off: ${error instanceof Error ? error.message : String(error)})`;
  }
  return Buffer.concat(pieces).subarray(0, ERROR_BODY_LIMIT).toString('utf8');
};

const registryWords = (text: string): string => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Proxies answer with pages: their markup says nothing.
    return text.trimStart().startsWith('<') ? '' : (text.split('\n')[0] ?? '');
  }
  const parsed = ErrorBody.safeParse(json);
  if (!parsed.success) return '';
  return parsed.data.errors
    .map(({ code, message }) =>
      [code, message].filter((part) => part !== undefined && part !== '').join(': '),
    )
    .join('; ');
};

const certificateErrors =
  /^(?:CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|ERR_TLS|ERR_SSL|HOSTNAME_MISMATCH|EPROTO$)/;

/** The failure that a thrown error of a request or of a body is. */
export const networkFailure = (error: unknown, asked: Asked, signal: AbortSignal | undefined): Rejection => {
  if (signal?.aborted) return cancellation(signal, `${asked.host}: ${asked.what}`);
  if (isRejection(error)) return error;
  const { code, words } = describe(error);
  const prefix = `${asked.host}: ${asked.what}: `;
  const said = safeWords(words, asked.secrets);
  if (code !== undefined && certificateErrors.test(code)) {
    return new RegistryFailure(
      'unavailable',
      `${prefix}TLS failed: ${said} (${code}); give its CA in hosts.toml, or say http:// there if it has no TLS`,
      { cause: error },
    );
  }
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return new RegistryFailure(
      'failed-precondition',
      `${prefix}the bytes to send are not as many as announced`,
      {
        cause: error,
      },
    );
  }
  if (code === 'ENOTFOUND') {
    return new RegistryFailure('unavailable', `${prefix}the host name is not known (${said})`, {
      cause: error,
    });
  }
  const stalled = code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT';
  return new RegistryFailure(
    'unavailable',
    `${prefix}${stalled ? 'nothing came in time' : said} (${code ?? 'network'})`,
    {
      retryable: true,
      cause: error,
    },
  );
};

const describe = (error: unknown): { code: string | undefined; words: string } => {
  if (!(error instanceof Error)) return { code: undefined, words: String(error) };
  // A host with several addresses fails with one error for each; the first says enough.
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors[0]);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code === undefined && error.cause instanceof Error) return describe(error.cause);
  return { code, words: error.message };
};
