import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ServiceDescriptor } from '../../client/grpc-service.ts';
import { type ServiceClient, serviceClient } from '../../client/service-client.ts';
import { ShiplogError } from '../../client/shiplog-error.ts';
import type { Namespace } from '../../domain/identity.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { ProxyFacts } from '../../engine/ports/proxy-facts.ts';

/** Milliseconds between tries to reach a daemon that is down; a call in between fails at once. */
const reconnect = { least: 50, most: 500 };
const maxMessageBytes = 16 * 1024 * 1024;

export interface PluginOptions extends Partial<Omit<ProxyFacts, 'address'>>, Pick<ProxyFacts, 'address'> {
  /** As clients call it. */
  readonly name: string;
}

export const factsOf = ({
  address,
  capabilities = [],
  exports = {},
  platform,
}: PluginOptions): ProxyFacts => ({
  ...{ address, capabilities, exports },
  ...(platform === undefined ? {} : { platform }),
});

/** Who asks, and until when (milliseconds): a plugin that hangs must not hang its callers for ever. */
export interface PluginCall {
  readonly namespace: Namespace;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

/** A containerd plugin in another daemon, spoken to over its socket. Connects with the first call, and again after a failure. */
export class ProxyPlugin {
  readonly title: string;
  readonly address: string;
  readonly #grpc: Client;

  constructor(kind: string, { name, address }: PluginOptions) {
    this.title = `${kind} '${name}' (proxy plugin at ${address})`;
    this.address = address;
    this.#grpc = new Client(`unix://${address}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      'grpc.initial_reconnect_backoff_ms': reconnect.least,
      'grpc.max_reconnect_backoff_ms': reconnect.most,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** @throws Rejection with the code and words of the plugin; `unavailable` where it can't be reached */
  async ask<S extends ServiceDescriptor, T>(
    service: S,
    { namespace }: PluginCall,
    work: (client: ServiceClient<S>) => Promise<T>,
  ): Promise<T> {
    const metadata = new Metadata();
    metadata.set('containerd-namespace', namespace);
    try {
      return await work(serviceClient({ grpc: this.#grpc, address: this.address, metadata }, service));
    } catch (error) {
      throw this.#told(error);
    }
  }

  close(): void {
    this.#grpc.close();
  }

  #told(error: unknown): unknown {
    if (!(error instanceof ShiplogError)) return error;
    const { code, unreachable, message } = error;
    if (unreachable || code === 'unavailable') {
      return new Rejection(
        'unavailable',
        `${this.title} can not be reached; start it, or take it out of the configuration: unavailable`,
        { cause: error },
      );
    }
    const words = code === 'deadline-exceeded' ? 'it did not answer in time: deadline exceeded' : message;
    return new Rejection(code, `${this.title}: ${words}`, { cause: error });
  }
}
