/** The largest message taken from the daemon, in bytes. */
export const maxReceiveBytes = 16 * 1024 * 1024;
