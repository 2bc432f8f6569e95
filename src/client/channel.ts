import { Client, credentials } from '@grpc/grpc-js';
import { defaultAddress, parseAddress } from './address.ts';
import type { Caller } from './caller.ts';
import type { Channel } from './calls.ts';
import { maxReceiveBytes, reconnect } from './limits.ts';
import { callerMetadata } from './metadata.ts';

/** @throws ShiplogError `invalid-argument` if the address is not a unix socket */
export const openChannel = (options: Caller & { readonly address?: string }): Channel => {
  const address = parseAddress(options.address ?? defaultAddress);
  const grpc = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxReceiveBytes,
    'grpc.max_send_message_length': maxReceiveBytes,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': reconnect.least,
    'grpc.max_reconnect_backoff_ms': reconnect.most,
  });
  return { grpc, address, metadata: callerMetadata({ client: 'shiplog-client', ...options }) };
};
