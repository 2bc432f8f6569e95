import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TokenRequest {
  readonly method: string;
  readonly service: string | null;
  readonly scopes: readonly string[];
  readonly authorization: string | undefined;
  /** Fields of the OAuth2 form, for POST. */
  readonly form: URLSearchParams | undefined;
}

/** A token service inside the test's process, and the guard that makes a registry want its tokens. */
export interface TokenService {
  readonly url: string;
  readonly asked: TokenRequest[];
  /** Seconds that the next tokens are good for. */
  expiresIn: number;
  /** Tokens that the registry takes. */
  readonly good: Set<string>;
  /** Answers 401 with a challenge unless a good token comes along. */
  guard(request: IncomingMessage, response: ServerResponse): boolean;
  close(): Promise<void>;
}

/** @param account `user:password` or an identity token that must be shown; anyone gets a token when absent */
export const startTokenService = async (account?: string): Promise<TokenService> => {
  const asked: TokenRequest[] = [];
  const good = new Set<string>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://tokens');
    let body = '';
    request.setEncoding('utf8').on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const form = request.method === 'POST' ? new URLSearchParams(body) : undefined;
      const fields = form ?? url.searchParams;
      const { authorization } = request.headers;
      asked.push({
        method: request.method ?? '',
        service: fields.get('service'),
        scopes: form ? (form.get('scope') ?? '').split(' ') : fields.getAll('scope'),
        authorization,
        form,
      });
      const shown =
        form?.get('refresh_token') ??
        Buffer.from(authorization?.replace('Basic ', '') ?? '', 'base64').toString();
      if (account !== undefined && shown !== account) {
        response
          .writeHead(401)
          .end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: `bad ${shown}` }] }));
        return;
      }
      const token = `token-${asked.length}`;
      good.add(token);
      response.end(
        JSON.stringify({ [form ? 'access_token' : 'token']: token, expires_in: service.expiresIn }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const service: TokenService = {
    url,
    asked,
    good,
    expiresIn: 300,
    guard(request, response) {
      const token = request.headers.authorization?.replace('Bearer ', '');
      if (token !== undefined && good.has(token)) return true;
      request.resume();
      const challenge = `Bearer realm="${url}",service="harbour",error="invalid_token"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
      return false;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return service;
};
