import { UsageError } from '../exit-codes.ts';
import { detachKeysHelp, parseDetachKeys } from '../parse/detach-keys.ts';
import { readEnv } from '../parse/env.ts';
import { collect } from '../parse/quantity.ts';
import { runSession } from '../session/session.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog exec -it web sh', 'a shell in it'],
    ['shiplog exec -u 33 -w /srv -e DEBUG=1 web ./check', 'exits with the code of ./check'],
    ['tar c conf | shiplog exec -i web tar x -C /etc', 'pipes work both ways'],
  ],
  declare: (command, perform) =>
    command
      .passThroughOptions()
      .argument('<container>', 'id or name')
      .argument('<command...>', 'program and arguments')
      .option('-d, --detach', 'do not wait for it')
      .option('-i, --interactive', 'keep standard input open')
      .option('-t, --tty', 'give it a terminal')
      .option('-e, --env <name[=value]>', 'set a variable; without a value, take yours (repeat)', collect)
      .option('--env-file <file>', 'read variables from a file (repeat)', collect)
      .option('-u, --user <user[:group]>', 'user and group inside the container')
      .option('-w, --workdir <path>', 'working directory inside the container')
      .option('--detach-keys <keys>', detachKeysHelp, parseDetachKeys)
      .action((container, args, flags) =>
        perform(async (context) => {
          const { io, namespace } = context;
          const { detach = false, tty: terminal = false, interactive: stdin = false } = flags;
          if (terminal && stdin && !detach && !io.stdin.isTTY) {
            throw new UsageError('-it needs a terminal, and standard input is none; leave out -t');
          }
          const size = terminal
            ? { consoleWidth: io.stdout.columns ?? 0, consoleHeight: io.stdout.rows ?? 0 }
            : {};
          const env = readEnv(flags.env, flags.envFile, io);
          const request = {
            ...{ namespace, container, args: [...args], env, terminal, stdin, detach, ...size },
            cwd: flags.workdir ?? '',
            user: flags.user ?? '',
          };
          return runSession(context, {
            ...{ open: { case: 'exec', value: request }, terminal, stdin, detach },
            detachKeys: flags.detachKeys,
          });
        }),
      ),
};
