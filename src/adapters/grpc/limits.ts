/** What one client may take of the daemon; every queue behind the socket is bounded by these. */

/** The largest message taken or sent, in bytes; containerd's clients count on 16 MiB. */
export const maxMessageBytes = 16 * 1024 * 1024;

/** Calls at once on one connection; HTTP/2 makes a client wait with the next one. */
export const maxConcurrentCalls = 1000;

export const maxConnections = 1024;

/** Export hands an archive over in pieces of at most so many bytes. */
export const exportChunkBytes = 256 * 1024;

/** `shiplog-reason` and `shiplog-client`, in characters. */
export const maxReasonLength = 1024;
export const maxClientNameLength = 256;

/** Status messages are cut here: percent-encoded they must fit in the 64 KiB that HTTP/2 libraries allow for headers. */
export const maxStatusLength = 4096;

/**
 * Answers of one call that count as sent before the kernel has taken them, in bytes, each with at least so many: what
 * HTTP/2 is given to send at once, and what one turn of the event loop makes.
 */
export const aheadBytes = 64 * 1024;
export const leastAheadBytes = 1024;

/** Progress that waits for a slow client: distinct things told of, not messages; later news replaces earlier. */
export const maxPendingProgress = 10_000;

/**
 * Options of the gRPC server. Headers are bounded by Node's HTTP/2 itself (64 KiB, 128 pairs). The daemon sends no
 * keepalive pings: the kernel tells at once when the process behind a unix socket is gone, while a ping would hang up
 * on a client that is only stopped (Ctrl-Z). Pings of clients are answered, also while they have no call.
 */
export const serverOptions = {
  'grpc.max_receive_message_length': maxMessageBytes,
  'grpc.max_send_message_length': maxMessageBytes,
  'grpc.max_concurrent_streams': maxConcurrentCalls,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_channelz': 0,
} as const;
