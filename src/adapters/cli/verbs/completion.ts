import { write } from '../cli-io.ts';
import { completionScripts, isShell } from '../completion-scripts.ts';
import { UsageError } from '../exit-codes.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['source <(shiplog completion bash)', 'for this shell'],
    ['shiplog completion bash > /etc/bash_completion.d/shiplog', 'for good'],
    ['shiplog completion fish > ~/.config/fish/completions/shiplog.fish', 'for fish'],
  ],
  declare: (command, perform) =>
    command.argument('<shell>', 'bash, zsh or fish').action((shell) =>
      perform(async ({ io }) => {
        if (!isShell(shell))
          throw new UsageError(`there is no completion for '${shell}'; give bash, zsh or fish`);
        await write(io.stdout, completionScripts[shell]);
        return 0;
      }),
    ),
};
