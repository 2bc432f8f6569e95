/** The largest message taken from the daemon, in bytes. */
export const maxReceiveBytes = 16 * 1024 * 1024;

/**
 * Milliseconds until a socket on which nobody listened is looked at again: a local one costs nothing to try, and a daemon that
 * restarts is back within a second. What grpc-js does by itself, up to two minutes, is made for networks.
 */
export const reconnect = { least: 50, most: 1000 } as const;
