import { UsageError } from '../exit-codes.ts';

const limit = (flag: string, text: string): bigint => {
  if (text === 'unlimited' || text === '-1') return -1n;
  if (!/^\d{1,18}$/.test(text)) throw new UsageError(`${flag}: '${text}' is not a number; -1 means no limit`);
  return BigInt(text);
};

/** docker's `--ulimit NAME=SOFT[:HARD]`; the API has -1 for no limit. */
export const parseUlimit = (text: string): { name: string; soft: bigint; hard: bigint } => {
  const flag = `--ulimit ${text}`;
  const match = /^([a-z]+)=([^:]+)(?::(.+))?$/.exec(text);
  if (!match) throw new UsageError(`${flag}: give NAME=SOFT[:HARD], such as nofile=1024:2048`);
  const [, name = '', softText = '', hardText = softText] = match;
  const soft = limit(flag, softText);
  const hard = limit(flag, hardText);
  if (hard !== -1n && (soft === -1n || soft > hard)) throw new UsageError(`${flag}: soft is above hard`);
  return { name, soft, hard };
};
