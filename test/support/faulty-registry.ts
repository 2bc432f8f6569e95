import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from './registry-content.ts';

/** A request as it came in. */
export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
}

/** What goes wrong with a request that a {@link Fault} is for. */
export type Wrong =
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  /** Sends this many bytes of the body, then cuts the connection. */
  | { readonly kind: 'reset'; readonly after: number }
  /** Sends this many bytes of the body, then nothing for a long time. */
  | { readonly kind: 'stall'; readonly after: number }
  /** Ends the body properly, but this early, and calls it whole. */
  | { readonly kind: 'truncate'; readonly to: number }
  /** Sends all from the start, whatever was asked for. */
  | { readonly kind: 'ignore-range' }
  | { readonly kind: 'headers'; readonly headers: Record<string, string | undefined> }
  /** Reads this much of the request's body, keeps it, then cuts the connection. */
  | { readonly kind: 'cut-upload'; readonly after: number };

export interface Fault {
  readonly when: (seen: Seen) => boolean;
  /** Requests that it happens to; for ever when absent. */
  times?: number;
  readonly wrong: Wrong;
}

export interface FaultyRegistry {
  readonly host: string;
  readonly url: string;
  readonly seen: Seen[];
  readonly faults: Fault[];
  /** Bytes by digest. */
  readonly blobs: Map<string, Buffer>;
  /** Manifests by `repository:tag` or `repository@digest`. */
  readonly manifests: Map<string, { bytes: Buffer; mediaType: string }>;
  /** Adds headers to the answer of a `POST …/uploads/`. */
  uploadHeaders: Record<string, string>;
  /** Says whether a request may pass; it answers itself when not. */
  guard: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  close(): Promise<void>;
}

/**
 * A small registry inside the test's process, correct but for the faults it is told to have. It holds one upload at a time
 * for each repository.
 */
export const startFaultyRegistry = async (): Promise<FaultyRegistry> => {
  const registry: Omit<FaultyRegistry, 'host' | 'url' | 'close'> = {
    seen: [],
    faults: [],
    blobs: new Map(),
    manifests: new Map(),
    uploadHeaders: {},
    guard: undefined,
  };
  const uploads = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const seen = { method: request.method ?? '', target: request.url ?? '', headers: request.headers };
    registry.seen.push(seen);
    answer(registry, uploads, seen, request, response).catch((error: unknown) =>
      response.destroy(error as Error),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(registry, {
    host,
    url: `http://${host}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
};

type State = Omit<FaultyRegistry, 'host' | 'url' | 'close'>;

const answer = async (
  state: State,
  uploads: Map<string, Buffer>,
  seen: Seen,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const wrong = nextFault(state, seen);
  if (wrong?.kind === 'status') {
    request.resume();
    response.writeHead(wrong.status, wrong.headers ?? {}).end(wrong.body ?? '');
    return;
  }
  if (state.guard !== undefined && !state.guard(request, response)) return;
  const url = new URL(seen.target, 'http://registry');
  const upload = /^\/v2\/(.+)\/blobs\/uploads\/(.*)$/.exec(url.pathname);
  if (upload) {
    await takeUpload(state, uploads, upload[1] ?? '', url, request, response, wrong);
    return;
  }
  const content = /^\/v2\/(.+)\/(blobs|manifests)\/([^/]+)$/.exec(url.pathname);
  if (content && (request.method === 'GET' || request.method === 'HEAD')) {
    await give(state, content, request, response, wrong);
    return;
  }
  if (content && request.method === 'PUT') {
    const bytes = await readBody(request);
    const mediaType = request.headers['content-type'] ?? '';
    state.manifests.set(`${content[1]}:${content[3]}`, { bytes, mediaType });
    response.writeHead(201, { 'docker-content-digest': sha256(bytes) }).end();
    return;
  }
  response.writeHead(404).end();
};

const nextFault = (state: State, seen: Seen): Wrong | undefined => {
  const fault = state.faults.find(({ when, times }) => times !== 0 && when(seen));
  if (fault?.times !== undefined) fault.times -= 1;
  return fault?.wrong;
};

const give = async (
  state: State,
  [, repository = '', kind = '', name = '']: RegExpExecArray,
  request: IncomingMessage,
  response: ServerResponse,
  wrong: Wrong | undefined,
): Promise<void> => {
  const manifest = state.manifests.get(`${repository}${name.startsWith('sha256:') ? '@' : ':'}${name}`);
  const bytes = kind === 'manifests' ? manifest?.bytes : state.blobs.get(name);
  if (bytes === undefined) {
    const code = kind === 'manifests' ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN';
    response.writeHead(404).end(JSON.stringify({ errors: [{ code, message: 'not here' }] }));
    return;
  }
  const range = wrong?.kind === 'ignore-range' ? null : /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const from = Number(range?.[1] ?? 0);
  if (from >= bytes.length && range) {
    response.writeHead(416).end();
    return;
  }
  const part = wrong?.kind === 'truncate' ? bytes.subarray(from, wrong.to) : bytes.subarray(from);
  const headers: Record<string, string | undefined> = {
    'content-type': manifest && kind === 'manifests' ? manifest.mediaType : 'application/octet-stream',
    'content-length': String(part.length),
    'docker-content-digest': sha256(bytes),
    ...(range ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
    ...(wrong?.kind === 'headers' ? wrong.headers : {}),
  };
  response.writeHead(
    range ? 206 : 200,
    Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)),
  );
  if (request.method === 'HEAD') {
    response.end();
  } else if (wrong?.kind === 'reset' || wrong?.kind === 'stall') {
    response.write(part.subarray(0, wrong.after));
    // Give the bytes time to leave; a reset throws away what has not.
    await sleep(wrong.kind === 'reset' ? 30 : 20_000, undefined, { ref: false });
    response.destroy();
  } else {
    response.end(part);
  }
};

const takeUpload = async (
  state: State,
  uploads: Map<string, Buffer>,
  repository: string,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
  wrong: Wrong | undefined,
): Promise<void> => {
  const held = uploads.get(repository) ?? Buffer.alloc(0);
  const location = `/v2/${repository}/blobs/uploads/one?_state=a%2Bb`;
  const range = (bytes: Buffer): string => `0-${Math.max(0, bytes.length - 1)}`;
  if (request.method === 'POST') {
    request.resume();
    uploads.set(repository, Buffer.alloc(0));
    response.writeHead(202, { location, ...state.uploadHeaders }).end();
  } else if (request.method === 'GET') {
    response.writeHead(204, { location, range: range(held) }).end();
  } else if (wrong?.kind === 'cut-upload') {
    const part = await readBody(request, wrong.after);
    uploads.set(repository, Buffer.concat([held, part]));
    response.destroy();
  } else {
    const all = Buffer.concat([held, await readBody(request)]);
    uploads.set(repository, all);
    if (request.method === 'PATCH') {
      response.writeHead(202, { location, range: range(all) }).end();
    } else if (sha256(all) === url.searchParams.get('digest') && url.searchParams.get('_state') === 'a+b') {
      state.blobs.set(sha256(all), all);
      response.writeHead(201).end();
    } else {
      response.writeHead(400).end(JSON.stringify({ errors: [{ code: 'DIGEST_INVALID' }] }));
    }
  }
};

const readBody = async (request: IncomingMessage, limit = Number.POSITIVE_INFINITY): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    pieces.push(piece);
    size += piece.length;
    if (size >= limit) break;
  }
  return Buffer.concat(pieces).subarray(0, Math.min(size, limit));
};
