import type { CliIo } from '../../cli-io.ts';
import { UsageError } from '../../exit-codes.ts';

export const urlHelp = "connection string, such as 'esdb://user:password@host:2113' [env SHIPLOG_FLEET_URL]";
export const hostHelp = 'only this host, by the id that info tells (repeat)';

/** The flag, or the environment, which other users can't read as they can a command line. @throws UsageError */
export const urlOf = (flag: string | undefined, { env }: CliIo): string => {
  const url = flag ?? (env.SHIPLOG_FLEET_URL || undefined);
  if (url !== undefined) return url;
  throw new UsageError('where are the logs? Give --url, or set SHIPLOG_FLEET_URL');
};
