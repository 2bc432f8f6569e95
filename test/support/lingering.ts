/**
 * A shell's line for `ctr tasks exec` that stays a moment after it spoke. Once the process is gone ctr closes its ends of
 * the streams, and what it has not read by then is lost: on a busy machine `echo` alone comes out empty, on containerd too.
 */
export const lingering = (says: string, code = 0): string => `${says}; sleep 0.3; exit ${code}`;
