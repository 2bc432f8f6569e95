import type { CliIo } from '../cli-io.ts';

/**
 * Switches the caller's terminal to raw mode: each key goes to the container, Ctrl-C too.
 *
 * @returns gives the terminal back as it was; also called when the process exits, whatever the reason (but SIGKILL)
 */
export const enterRawMode = (io: CliIo): (() => void) => {
  const restore = () => {
    io.signals.off('exit', restore);
    io.stdin.setRawMode?.(false);
  };
  io.signals.on('exit', restore);
  io.stdin.setRawMode?.(true);
  return restore;
};
