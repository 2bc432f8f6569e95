import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Connections } from './connections.ts';
import { type Asked, networkFailure, RegistryFailure } from './failure.ts';
import type { TlsFiles } from './hosts-file.ts';
import { safeUrl } from './redact.ts';

/** One request, followed through its redirects. */
export interface Request {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  /** Sent wherever the request goes. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent to the host of `url` only: Authorization, and what hosts.toml adds. */
  readonly privateHeaders: Readonly<Record<string, string | string[]>>;
  /** Opens the body; called again when a redirect asks for it once more. */
  readonly body?: (() => Uint8Array | string | Readable) | undefined;
  readonly tls: TlsFiles;
  /** Milliseconds until the head of the answer must be there, where the usual limit is too short. */
  readonly headersMs?: number | undefined;
  readonly asked: Asked;
  readonly signal?: AbortSignal | undefined;
}

export interface Response {
  readonly answer: Dispatcher.ResponseData;
  /** Where it came from in the end. */
  readonly url: URL;
}

export interface ExchangeLimits {
  /** Milliseconds until the head of an answer must be there. */
  readonly headersMs: number;
  /** Milliseconds that a body may pause. */
  readonly stallMs: number;
}

export type Exchange = (request: Request) => Promise<Response>;

const REDIRECTS = 10;
/** Bytes of a body that wait for their reader: few, large reads make fewer, larger writes. */
const BODY_BUFFER = 512 * 1024;

/** @returns any answer that is not a redirect, whatever its status. Throws where there is none, see failure.ts. */
export const createExchange =
  (connections: Connections, limits: ExchangeLimits, userAgent: string): Exchange =>
  async (request) => {
    const { signal, asked } = request;
    let { method, url, body } = request;
    for (let hop = 0; ; hop += 1) {
      const home = url.origin === request.url.origin;
      const dispatcher = await connections.to(url, home ? request.tls : elsewhere(request.tls));
      let answer: Dispatcher.ResponseData;
      try {
        answer = await dispatcher.request({
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method,
          headers: {
            'user-agent': userAgent,
            'accept-encoding': 'identity',
            ...request.headers,
            ...(home ? request.privateHeaders : {}),
          },
          body: body?.() ?? null,
          headersTimeout: request.headersMs ?? limits.headersMs,
          bodyTimeout: limits.stallMs,
          highWaterMark: BODY_BUFFER,
          ...(signal === undefined ? {} : { signal }),
        });
      } catch (error) {
        throw networkFailure(error, asked, signal);
      }
      const next = redirection(answer, url, asked);
      if (next === undefined) return { answer, url };
      await answer.body.dump();
      if (hop >= REDIRECTS) {
        throw new RegistryFailure(
          'unavailable',
          `${asked.host}: ${asked.what}: more than ${REDIRECTS} redirects`,
        );
      }
      if (answer.statusCode === 303) {
        method = method === 'HEAD' ? 'HEAD' : 'GET';
        body = undefined;
      }
      url = next;
    }
  };

/** Another host gets neither our client certificate nor our trust; the CA of the house may have signed it too. */
const elsewhere = (tls: TlsFiles): TlsFiles => ({ skipVerify: false, ca: tls.ca, client: [] });

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

const redirection = (answer: Dispatcher.ResponseData, from: URL, asked: Asked): URL | undefined => {
  const { location } = answer.headers;
  if (!redirects.has(answer.statusCode) || typeof location !== 'string') return undefined;
  if (!URL.canParse(location, from.href)) {
    throw new RegistryFailure(
      'unavailable',
      `${asked.host}: ${asked.what}: it redirects to something that is no URL`,
    );
  }
  const next = new URL(location, from);
  if (next.protocol === 'http:' || next.protocol === 'https:') return next;
  throw new RegistryFailure('unavailable', `${asked.host}: ${asked.what}: it redirects to ${safeUrl(next)}`);
};
