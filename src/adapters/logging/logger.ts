import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { type DestinationStream, type Logger as Pino, pino } from 'pino';
import type { LogFields, Logger } from '../../engine/ports/logger.ts';
import { redactFields, redactText } from './redact.ts';
import { textLine } from './text-lines.ts';

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** `auto` is text on a terminal and JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'text';
}

const STDERR = 2;
/** A reader that takes nothing for this long loses lines; the daemon goes on. Milliseconds. */
const STALLED_AFTER = 100;

/**
 * Writes all of a line before it returns, so that the last words before a crash are there. Lines are few, and a pipe
 * to journald is quick.
 */
const writeWhole = (fd: number, line: string): void => {
  let bytes = Buffer.from(line);
  let waited = 0;
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      // Nobody reads (EPIPE), no disk takes it (ENOSPC, EIO): an operator's log must not end the daemon.
      if (code !== 'EAGAIN' || waited >= STALLED_AFTER) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      waited += 5;
    }
  }
};

const wrap = (log: Pino): Logger => ({
  debug: (message, fields = {}) => log.debug(redactFields(fields), redactText(message)),
  info: (message, fields = {}) => log.info(redactFields(fields), redactText(message)),
  warn: (message, fields = {}) => log.warn(redactFields(fields), redactText(message)),
  error: (message, fields = {}) => log.error(redactFields(fields), redactText(message)),
  child: (fields: LogFields) => wrap(log.child(redactFields(fields))),
});

/** @param fd where lines go; standard error when absent */
export const createLogger = (options: LoggerOptions, fd = STDERR): Logger => {
  const tty = isatty(fd);
  const text = options.format === 'text' || (options.format === 'auto' && tty);
  const destination: DestinationStream = {
    write: (line) => writeWhole(fd, text ? textLine(line, tty) : line),
  };
  const log = pino(
    { level: options.level, base: null, formatters: { level: (label) => ({ level: label }) } },
    destination,
  );
  return wrap(log);
};
