import { serve } from '../../../../src/adapters/grpc/serve.ts';
import { type ConnectOptions, connect, type ShiplogClient } from '../../../../src/client/index.ts';
import type { Names } from '../../../../src/engine/ports/clock.ts';
import { someStore } from '../../../support/containerd-client.ts';
import { type FakeApi, fakeApi, keptLogger, type LoggedLine } from '../../../support/fake-api.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

export interface Serving extends FakeApi {
  readonly path: string;
  readonly client: ShiplogClient;
  readonly lines: readonly LoggedLine[];
  connect(options?: ConnectOptions): ShiplogClient;
  closeServer(graceMs?: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Names in sequence. */
export const countedNames = (): Names => {
  let count = 0;
  const next = (prefix: string) => () => `${prefix}${++count}`;
  return { hex64: next('hex'), sortable: next('call'), brief: next('b'), spoken: next('spoken') };
};

/** The real server over a fake API, and the real client, over a real socket. */
export const serving = async (parts: Parameters<typeof fakeApi>[0] = {}): Promise<Serving> => {
  const temp = makeTempDir('grpc');
  const path = `${temp.path}/shiplog.sock`;
  const fake = fakeApi(parts);
  const { logger, lines } = keptLogger();
  const server = await serve({
    address: path,
    api: fake.api,
    ...(await someStore(temp.path)),
    names: countedNames(),
    logger,
  });
  const clients: ShiplogClient[] = [];
  const open = (options: ConnectOptions = {}): ShiplogClient => {
    const client = connect({ address: path, ...options });
    clients.push(client);
    return client;
  };
  return {
    ...fake,
    ...{ path, lines, client: open(), connect: open, closeServer: (graceMs) => server.close(graceMs) },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      await server.close();
      temp.remove();
    },
  };
};

export const collect = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
};

/** What a call fails with. */
export const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error,
  );
