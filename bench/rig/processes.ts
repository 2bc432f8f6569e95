import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { Client, credentials } from '@grpc/grpc-js';
import { callerMetadata } from '../../src/client/metadata.ts';
import { serviceClient } from '../../src/client/service-client.ts';
import { Health } from '../../src/gen/grpc/health/v1/health_pb.ts';

/** Resident memory of a process in megabytes (10^6 bytes). */
export const residentMB = (pid: number): number => {
  const kib = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return (Number(kib) * 1024) / 1e6;
};

/**
 * Memory of a process in megabytes, each page that it shares divided by those who share it. Pages of the node program
 * count whole: on a host without this benchmark nobody else would hold them.
 */
export const proportionalMB = (pid: number): number => {
  const mappings = readFileSync(`/proc/${pid}/smaps`, 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const kib = (mapping: string, field: string): number =>
    Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, 'm').exec(mapping)?.[1] ?? 0);
  const sum = mappings.reduce((all, mapping) => {
    const own = mapping.slice(0, mapping.indexOf('\n')).endsWith(process.execPath);
    return all + kib(mapping, own ? 'Rss' : 'Pss');
  }, 0);
  return (sum * 1024) / 1e6;
};

/** Processes whose command line names a file below a directory: a daemon, and what it started to hold containers. */
export const processesOf = (directory: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && commandOf(pid).includes(`${directory}/`));

const commandOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    // It has ended meanwhile.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return '';
    throw error;
  }
};

/** Processor time that a process has taken so far, user and system, in milliseconds. */
export const cpuMs = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the name in brackets; the clock ticks 100 times a second for programs.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
};

const answers = async (address: string): Promise<boolean> => {
  const grpc = new Client(`unix://${address}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    await serviceClient({ grpc, address, metadata: callerMetadata({}) }, Health).check({});
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  } finally {
    grpc.close();
  }
};

/** Starts a daemon, takes the milliseconds from exec to the first answered call of the health service, and ends it. */
export const timeToAnswer = async (
  file: string,
  args: readonly string[],
  address: string,
  logFile: string,
): Promise<number> => {
  const log = openSync(logFile, 'a');
  const started = performance.now();
  const child = spawn(file, args, { stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  while (!(existsSync(address) && (await answers(address)))) {
    if (child.exitCode !== null || performance.now() - started > 20_000)
      throw new Error(`${file} did not answer; its words are in ${logFile}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const took = performance.now() - started;
  child.kill('SIGTERM');
  await ended;
  return took;
};
