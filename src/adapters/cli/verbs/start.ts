import { write } from '../cli-io.ts';
import { UsageError } from '../exit-codes.ts';
import { detachKeysHelp, parseDetachKeys } from '../parse/detach-keys.ts';
import { attachTo } from '../session/attach-to.ts';
import { eachOf, type Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog start web db', 'in the background'],
    ['shiplog start -ai shell', 'with your terminal at it; exits with its code'],
  ],
  declare: (command, perform) =>
    command
      .argument('<container...>', 'ids or names')
      .option('-a, --attach', 'follow its output, hand signals on, exit with its code')
      .option('-i, --interactive', 'forward standard input as well')
      .option('--detach-keys <keys>', detachKeysHelp, parseDetachKeys)
      .action((names, flags) =>
        perform(async (context) => {
          const [name = ''] = names;
          if (flags.attach || flags.interactive) {
            if (names.length > 1)
              throw new UsageError('one terminal fits one container: give one name with -a or -i');
            return attachTo(context, 'start', name, flags.interactive ?? false, flags.detachKeys);
          }
          const { containers } = await context.client();
          return eachOf(context, names, async (container) => {
            await containers.start({ namespace: context.namespace, container }, { signal: context.signal });
            await write(context.io.stdout, `${container}\n`);
          });
        }),
      ),
};
