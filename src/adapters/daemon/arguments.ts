import { Command, InvalidArgumentError } from 'commander';

/** What the daemon's program was asked to do. */
export type Invocation =
  | ({ readonly kind: 'serve' } & Given)
  | { readonly kind: 'config-default' }
  /** A command of containerd's, for hooks in its clients' specifications. @see runOciHook */
  | { readonly kind: 'oci-hook'; readonly words: readonly string[] }
  /** All of the configuration as it would be used, or only what was set. */
  | ({ readonly kind: 'config-dump' | 'config-migrate' } & Given);

interface Given {
  readonly configPath: string | undefined;
  /** By key of the configuration. */
  readonly overrides: Readonly<Record<string, string>>;
}

/** What the program is called: by the name of containerd it speaks as containerd's users expect. */
export type ProgramName = 'shiplogd' | 'containerd';

const keys = {
  address: 'grpc.address',
  root: 'root',
  state: 'state',
  logLevel: 'log.level',
} as const;

/** containerd's names of levels, in our words. */
const levels: Readonly<Record<string, string>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  fatal: 'error',
  panic: 'error',
};

const levelOf = (word: string): string => {
  const level = levels[word];
  if (level !== undefined) return level;
  throw new InvalidArgumentError(`It must be one of ${Object.keys(levels).join(', ')}.`);
};

const about: Readonly<Record<ProgramName, { readonly description: string; readonly file: string }>> = {
  shiplogd: {
    description:
      'The Shiplog daemon: a container runtime whose only source of truth is an append-only event log.\n' +
      'Containers run on while it is stopped; it takes them up again when it starts.',
    file: '/etc/shiplog/config.toml',
  },
  containerd: {
    description:
      "The Shiplog daemon in containerd's place: containerd's sockets, folders and configuration where nothing else is said.",
    file: '/etc/containerd/config.toml',
  },
};

/** As `containerd --version` has it: program, package, version, revision. */
const versionText = (name: ProgramName, version: string, revision: string): string =>
  name === 'containerd' ? `containerd shiplog ${version} ${revision}`.trimEnd() : version;

export interface Program {
  readonly name: ProgramName;
  readonly version: string;
  readonly revision: string;
}

/**
 * The program's name: that of the path it was started with, or what the wrapper in packaging/ says.
 * @param said `$SHIPLOG_PROGRAM`
 */
export const programName = (script: string | undefined, said: string | undefined): ProgramName =>
  said === 'containerd' || script?.split('/').at(-1) === 'containerd' ? 'containerd' : 'shiplogd';

const overridesOf = (options: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(keys).flatMap(([option, key]) => {
      const value = options[option];
      return value === undefined ? [] : [[key, value]];
    }),
  );

/** Reads the command line of the daemon; prints help or a complaint and exits by itself where that is called for. */
export const parseArguments = (argv: readonly string[], { name, version, revision }: Program): Invocation => {
  let invocation: Invocation | undefined;
  const { description, file } = about[name];
  const program = new Command(name)
    .description(description)
    .version(versionText(name, version, revision), '-v, --version')
    .option('-c, --config <file>', `configuration (TOML), ours or containerd's; ${file} where it is there`)
    .option('-a, --address <path>', 'unix socket of the API')
    .option('--root <folder>', 'what is kept: event log, blobs, snapshots')
    .option('--state <folder>', 'what is gone after a reboot: sockets, bundles, fifos')
    .option('-l, --log-level <level>', 'trace, debug, info, warn, error, fatal or panic', levelOf)
    .addHelpText(
      'after',
      `\nExamples:\n  ${name}\n  ${name} --root /srv/shiplog --log-level debug\n  ${name} config default > ${file}\n  ${name} --config ${file} config dump`,
    );
  const given = (): Given => {
    const options = program.opts<Record<string, string>>();
    return { configPath: options.config, overrides: overridesOf(options) };
  };
  program.action(() => {
    invocation = { kind: 'serve', ...given() };
  });
  const config = program.command('config').description('about the configuration');
  config
    .command('default')
    .description('print every key with its default')
    .action(() => {
      invocation = { kind: 'config-default' };
    });
  config
    .command('dump')
    .description('print the configuration as it would be used, imported files included')
    .action(() => {
      invocation = { kind: 'config-dump', ...given() };
    });
  config
    .command('migrate')
    .description("print what is set, in shiplogd's own format; also of a file of containerd's")
    .action(() => {
      invocation = { kind: 'config-migrate', ...given() };
    });
  if (name === 'containerd') {
    program
      .command('oci-hook')
      .description(
        'run a command for an OCI hook, with what is told of the container in its words: {{id}}, {{rootfs}}',
      )
      .argument('<command...>', 'after --')
      .action((words: readonly string[]) => {
        invocation = { kind: 'oci-hook', words };
      });
  }
  program.parse([...argv], { from: 'user' });
  if (invocation === undefined) throw new Error('the command line asked for nothing');
  return invocation;
};
