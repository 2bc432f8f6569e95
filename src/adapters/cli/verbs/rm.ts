import { write } from '../cli-io.ts';
import { eachOf, type Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog rm job', 'its record and files; what happened stays in the log'],
    ['shiplog rm -f web', 'kill it first'],
    ['shiplog rm $(shiplog ps -q -a --filter status=exited)', 'all that have ended'],
  ],
  declare: (command, perform) =>
    command
      .argument('<container...>', 'ids or names')
      .option('-f, --force', 'kill it first if it runs')
      .action((names, flags) =>
        perform(async (context) => {
          const { namespace, signal, io } = context;
          const { containers } = await context.client();
          return eachOf(context, names, async (container) => {
            await containers.remove({ namespace, container, force: flags.force ?? false }, { signal });
            await write(io.stdout, `${container}\n`);
          });
        }),
      ),
};
