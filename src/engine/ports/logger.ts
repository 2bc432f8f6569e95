/**
 * What an operator reads while something goes wrong. It is no record: what happened to a container stands in the event
 * log, and nothing may depend on these lines being kept.
 *
 * Messages are plain sentences; whatever varies goes into `fields`. An `Error` under `error` keeps its code, stack and
 * causes. An implementation masks fields whose name looks like a credential, but callers don't lean on that.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}

export type LogFields = Readonly<Record<string, unknown>>;
