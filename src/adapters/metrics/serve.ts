import { createServer, type Server } from 'node:http';
import type { Logger } from '../../engine/ports/logger.ts';
import { gaugesOf, type Reading } from './gauges.ts';

export interface ServedMetrics {
  /** `HOST:PORT` as it came to be. */
  readonly address: string;
  close(): Promise<void>;
}

/** Prometheus' path, and containerd's. */
const paths: ReadonlySet<string> = new Set(['/metrics', '/v1/metrics']);

/**
 * Serves metrics in Prometheus' text format over plain HTTP, for whoever can reach the address: counts and times only.
 * @param address `HOST:PORT`; port 0 takes a free one
 */
export const serveMetrics = async (
  address: string,
  read: () => Promise<Reading>,
  logger: Logger,
): Promise<ServedMetrics> => {
  const gauges = gaugesOf(read);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (!paths.has(pathname)) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at /metrics\n');
      return;
    }
    gauges.text().then(
      (text) => response.writeHead(200, { 'content-type': gauges.type }).end(text),
      (error: unknown) => {
        logger.error('metrics could not be read', { error });
        response.writeHead(500, { 'content-type': 'text/plain' }).end('metrics could not be read\n');
      },
    );
  });
  await listening(server, address);
  const bound = server.address();
  return {
    address: bound !== null && typeof bound === 'object' ? `${bound.address}:${bound.port}` : address,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
};

const listening = (server: Server, address: string): Promise<void> => {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: Number(address.slice(colon + 1)) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
};
