import { detachKeysHelp, parseDetachKeys } from '../parse/detach-keys.ts';
import { attachTo } from '../session/attach-to.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog attach web', 'its output from now on, your input; Ctrl-P Ctrl-Q leaves a terminal'],
    ['shiplog attach --no-stdin web', 'only look'],
  ],
  declare: (command, perform) =>
    command
      .argument('<container>', 'id or name')
      .option('--no-stdin', 'do not forward standard input')
      .option('--detach-keys <keys>', detachKeysHelp, parseDetachKeys)
      .action((container, flags) =>
        perform((context) => attachTo(context, 'attach', container, flags.stdin, flags.detachKeys)),
      ),
};
