import { Command } from 'commander';

/** What `shiplogd` was asked to do. */
export type Invocation =
  | {
      readonly kind: 'serve';
      readonly configPath: string | undefined;
      /** By key of the configuration. */
      readonly overrides: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'config-default' };

const keys = {
  address: 'grpc.address',
  root: 'root',
  state: 'state',
  logLevel: 'log.level',
} as const;

/** Reads the command line of the daemon; prints help or a complaint and exits by itself where that is called for. */
export const parseArguments = (argv: readonly string[], version: string): Invocation => {
  let invocation: Invocation | undefined;
  const program = new Command('shiplogd')
    .description(
      'The Shiplog daemon: a container runtime whose only source of truth is an append-only event log.\n' +
        'Containers run on while it is stopped; it takes them up again when it starts.',
    )
    .version(version)
    .option('-c, --config <file>', 'configuration (TOML); /etc/shiplog/config.toml where it is there')
    .option('-a, --address <path>', 'unix socket of the API')
    .option('--root <folder>', 'what is kept: event log, blobs, snapshots')
    .option('--state <folder>', 'what is gone after a reboot: sockets, bundles, fifos')
    .option('-l, --log-level <level>', 'debug, info, warn or error')
    .addHelpText(
      'after',
      '\nExamples:\n  shiplogd\n  shiplogd --root /srv/shiplog --log-level debug\n  shiplogd config default > /etc/shiplog/config.toml',
    )
    .action((options: Record<string, string>) => {
      const overrides = Object.fromEntries(
        Object.entries(keys).flatMap(([option, key]) => {
          const value = options[option];
          return value === undefined ? [] : [[key, value]];
        }),
      );
      invocation = { kind: 'serve', configPath: options.config, overrides };
    });
  program
    .command('config')
    .description('about the configuration')
    .command('default')
    .description('print every key with its default')
    .action(() => {
      invocation = { kind: 'config-default' };
    });
  program.parse([...argv], { from: 'user' });
  if (invocation === undefined) throw new Error('the command line asked for nothing');
  return invocation;
};
