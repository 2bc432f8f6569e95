import type { Logger } from '../../engine/ports/logger.ts';
import { sendDatagram } from '../syscalls/notify.ts';

/**
 * Tells the service manager how far the daemon is: sd_notify(3), protocol of `Type=notify`. Does nothing where no
 * manager asked. A manager that cannot be reached is a warning: serving containers matters more.
 */
export interface Notifier {
  /** Requests are answered from now on. */
  ready(status?: string): void;
  /** A line for `systemctl status`. */
  status(text: string): void;
  /** The configuration is being read again; `ready` ends it. */
  reloading(): void;
  stopping(): void;
}

/** Fields are divided by line breaks. */
const line = (text: string): string => text.replace(/[\r\n]+/g, ' ');

/** CLOCK_MONOTONIC in microseconds, which systemd compares a reload with. */
const monotonic = (): bigint => process.hrtime.bigint() / 1000n;

/** @param socket value of `$NOTIFY_SOCKET`: a path, or `@` and an abstract name; undefined or empty for none */
export const createNotifier = (socket: string | undefined, logger: Logger): Notifier => {
  const send = (...fields: readonly string[]): void => {
    if (socket === undefined || socket === '') return;
    try {
      sendDatagram(socket, Buffer.from(fields.join('\n')));
    } catch (error) {
      logger.warn('the service manager could not be told', { socket, state: fields[0], error });
    }
  };
  return {
    ready: (status) => send('READY=1', ...(status === undefined ? [] : [`STATUS=${line(status)}`])),
    status: (text) => send(`STATUS=${line(text)}`),
    reloading: () => send('RELOADING=1', `MONOTONIC_USEC=${monotonic()}`),
    stopping: () => send('STOPPING=1'),
  };
};
