import type { Command } from '@commander-js/extra-typings';
import { parsePlatform } from '../parse/platform.ts';
import {
  collect,
  integerBetween,
  oneOf,
  parseBigCount,
  parseBytes,
  parseBytesOrUnlimited,
  parseCount,
  parseCpus,
} from '../parse/quantity.ts';

/** A command before any flag. */
type Blank = Command<[], Record<never, never>, Record<never, never>>;

/** What runs, and as whom. */
const processFlags = (command: Blank) =>
  command
    .optionsGroup('Process:')
    .option('-i, --interactive', 'keep standard input open')
    .option('-t, --tty', 'give it a terminal')
    .option('-e, --env <name[=value]>', 'set a variable; without a value, take yours (repeat)', collect)
    .option('--env-file <file>', 'read variables from a file (repeat)', collect)
    .option(
      '--secret-env <name[=value]>',
      'set a variable whose value stays out of the log (repeat)',
      collect,
    )
    .option('-u, --user <user[:group]>', 'user and group inside the container, by name or number')
    .option('-w, --workdir <path>', 'working directory inside the container')
    .option('--entrypoint <program>', "replace the image's entrypoint; '' clears it")
    .option('--stop-signal <signal>', "signal that 'stop' sends")
    .option('--stop-timeout <seconds>', "seconds that 'stop' waits before it kills", parseCount)
    .option(
      '--ulimit <name=soft[:hard]>',
      'resource limit of processes, such as nofile=1024 (repeat)',
      collect,
    );

/** What it is called and how it is kept. */
const recordFlags = (command: Blank) =>
  command
    .optionsGroup('Record:')
    .option('--name <name>', 'name of the container; made up if not given')
    .option('-l, --label <name=value>', 'add a label (repeat)', collect)
    .option('--label-file <file>', 'read labels from a file (repeat)', collect)
    .option('--rm', 'remove the container once it has exited')
    .option('--cidfile <file>', "write the container's id to a new file")
    .option(
      '--pull <when>',
      'fetch the image: missing, always or never',
      oneOf('missing', 'always', 'never'),
      'missing',
    )
    .option('--platform <os/arch>', 'platform to fetch, if the image is fetched', parsePlatform)
    .option('--runtime <name>', 'runtime to use (default: the one of the daemon)');

const fileFlags = (command: Blank) =>
  command
    .optionsGroup('Files and devices:')
    .option('-v, --volume <source:target[:options]>', 'bind a host path (repeat)', collect)
    .option('--mount <fields>', 'type=bind|tmpfs,source=…,target=…[,readonly] (repeat)', collect)
    .option('--tmpfs <target[:options]>', 'mount an empty tmpfs (repeat)', collect)
    .option('--read-only', 'make the root file system read-only')
    .option('--device <host[:container[:rwm]]>', 'add a device of the host (repeat)', collect);

const limitFlags = (command: Blank) =>
  command
    .optionsGroup('Limits:')
    .option('-m, --memory <bytes>', 'memory, such as 64m', parseBytes)
    .option('--memory-swap <bytes>', 'memory and swap together; -1 for any swap', parseBytesOrUnlimited)
    .option('--memory-reservation <bytes>', 'memory below which it is not reclaimed first', parseBytes)
    .option('--cpus <number>', 'CPUs, such as 1.5', parseCpus)
    .option('-c, --cpu-shares <weight>', 'weight against other containers (default 1024)', parseBigCount)
    .option('--cpu-quota <microseconds>', 'CPU time in each period', parseBigCount)
    .option('--cpu-period <microseconds>', 'length of a period', parseBigCount)
    .option('--cpuset-cpus <list>', 'CPUs it may use, such as 0-2,4')
    .option('--cpuset-mems <list>', 'memory nodes it may use')
    .option('--pids-limit <number>', 'processes and threads; -1 for no limit', parseBigCount)
    .option('--blkio-weight <weight>', 'weight of disk access, 10 to 1000', integerBetween(10, 1000))
    .option(
      '--oom-score-adj <number>',
      'how gladly the kernel kills it, -1000 to 1000',
      integerBetween(-1000, 1000),
    )
    .option('--oom-kill-disable', 'let it wait for memory where it would be killed');

const isolationFlags = (command: Blank) =>
  command
    .optionsGroup('Isolation:')
    .option('--cap-add <capability>', 'add a capability, or ALL (repeat)', collect)
    .option('--cap-drop <capability>', 'drop a capability, or ALL (repeat)', collect)
    .option('--privileged', 'all capabilities and devices, nothing masked')
    .option(
      '--security-opt <option>',
      'no-new-privileges, seccomp=FILE|unconfined, apparmor=NAME, systempaths=unconfined (repeat)',
      collect,
    )
    .option('-h, --hostname <name>', 'host name inside the container')
    .option('--network <mode>', 'none (default), host, or container:ID')
    .option('--pid <mode>', 'process ids: host or container:ID')
    .option('--ipc <mode>', 'System V IPC: host or container:ID')
    .option('--uts <mode>', 'host name: host')
    .option('--cgroupns <mode>', 'cgroup view: host or private')
    .option('--userns <mode>', 'users: host, or HOSTUID:HOSTGID:SIZE to map them')
    .option('--sysctl <name=value>', 'kernel parameter of its namespaces (repeat)', collect);

type FlagsOf<Add extends (command: Blank) => { opts(): unknown }> = ReturnType<ReturnType<Add>['opts']>;

/** What the flags of `run` and `create` parse into. */
export type ContainerFlags = FlagsOf<typeof processFlags> &
  FlagsOf<typeof recordFlags> &
  FlagsOf<typeof fileFlags> &
  FlagsOf<typeof limitFlags> &
  FlagsOf<typeof isolationFlags>;

/**
 * Adds the flags that `run` and `create` share: docker's, where docker has them.
 *
 * @returns reads them, once the command was parsed. (One chain of all of them is more than the compiler infers, so each
 *   group is typed by itself.)
 */
export const addContainerFlags = (command: { opts(): unknown }): (() => ContainerFlags) => {
  const blank = command as Blank;
  blank.helpOption('--help', 'show this help');
  for (const add of [processFlags, recordFlags, fileFlags, limitFlags, isolationFlags]) add(blank);
  return () => command.opts() as ContainerFlags;
};
