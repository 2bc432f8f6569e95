import type { CliIo } from '../cli-io.ts';
import { UsageError } from '../exit-codes.ts';
import { readFlagFile } from './env.ts';

/**
 * docker's --security-opt, as the API takes it: a seccomp profile is read here, by the user who may read it, and sent as
 * JSON.
 */
export const readSecurityOption = (text: string, io: CliIo): string => {
  const match = /^([a-z-]+)(?:[=:](.*))?$/s.exec(text);
  const [, name = '', value] = match ?? [];
  if (name === 'no-new-privileges') {
    if (value === undefined || value === 'true') return name;
    if (value === 'false') return `${name}=false`;
    throw new UsageError(`--security-opt ${text}: no-new-privileges is true or false`);
  }
  if (name === 'seccomp' && value && value !== 'unconfined' && !value.startsWith('{')) {
    const profile = readFlagFile('--security-opt seccomp', value, io);
    try {
      return `seccomp=${JSON.stringify(JSON.parse(profile))}`;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new UsageError(`--security-opt seccomp: '${value}' is not JSON: ${why}`, { cause: error });
    }
  }
  if (!match || !value) throw new UsageError(`--security-opt ${text}: give NAME=VALUE or no-new-privileges`);
  return `${name}=${value}`;
};
