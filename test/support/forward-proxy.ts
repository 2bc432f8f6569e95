import { createServer, request as forward } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

export interface ForwardProxy {
  readonly url: string;
  /** `GET http://host/path` and `CONNECT host:port`, as they came in. */
  readonly asked: string[];
  readonly authorizations: (string | undefined)[];
  close(): Promise<void>;
}

/** An HTTP proxy inside the test's process that sends everything to one place, whatever host was asked for. */
export const startForwardProxy = async (target: { host: string }): Promise<ForwardProxy> => {
  const asked: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const [hostname = '', port = ''] = target.host.split(':');
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    authorizations.push(request.headers['proxy-authorization']);
    const { pathname, search } = new URL(request.url ?? '');
    const { method, headers } = request;
    const onward = forward({ hostname, port, path: pathname + search, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connect', (request, client) => {
    asked.push(`CONNECT ${request.url}`);
    const onward = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(onward).pipe(client);
    });
    onward.on('error', () => client.destroy());
    client.on('error', () => onward.destroy());
    client.on('close', () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    authorizations,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
