import { ShiplogError } from './shiplog-error.ts';

export const defaultAddress = 'unix:///run/shiplog/shiplog.sock';

/**
 * The daemon's address as gRPC writes it. Takes an absolute path, `unix:/path` or `unix:///path`.
 *
 * @throws ShiplogError `invalid-argument` for anything else: Shiplog listens on unix sockets only, since only they tell
 *   who the caller is
 */
export const parseAddress = (text: string): string => {
  const path = /^(?:unix:(?:\/\/)?)?(\/[^/\0][^\0]*)$/.exec(text)?.[1];
  if (path !== undefined) return `unix://${path}`;
  throw new ShiplogError(
    'invalid-argument',
    `address '${text}' is not a unix socket; give an absolute path or unix:///path`,
  );
};
