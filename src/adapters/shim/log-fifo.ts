import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Logger } from '../../engine/ports/logger.ts';
import type { TaskKey } from '../../engine/ports/runtime.ts';

/** Longest line of a shim's log that is handed on whole, in bytes. */
const lineLimit = 16 * 1024;

/**
 * Copies a shim's log to the daemon's. The fifo is held open for reading and writing, so that neither the shim blocks
 * on opening it nor an end is seen when one of its processes closes it.
 * @returns closes it
 */
export const copyShimLog = (bundle: string, task: TaskKey, logger: Logger): (() => void) => {
  const fd = openSync(join(bundle, 'log'), constants.O_RDWR | constants.O_NONBLOCK);
  const fifo = new Socket({ fd, readable: true, writable: false });
  let rest = '';
  fifo.setEncoding('utf8');
  fifo.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(-lineLimit);
    for (const line of lines) {
      if (line !== '') logger.debug('shim', { namespace: task.namespace, container: task.id, shim: line });
    }
  });
  fifo.on('error', (error) => {
    logger.warn('shim log unreadable', {
      namespace: task.namespace,
      container: task.id,
      error: error.message,
    });
  });
  fifo.unref();
  return () => fifo.destroy();
};
