import { write } from '../cli-io.ts';
import { eachOf, type Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog kill web', 'SIGKILL'],
    ['shiplog kill -s HUP web', 'any other signal, by name or number'],
  ],
  declare: (command, perform) =>
    command
      .argument('<container...>', 'ids or names')
      .option('-s, --signal <signal>', 'what to send', 'SIGKILL')
      .action((names, flags) =>
        perform(async (context) => {
          const { namespace, io } = context;
          const { containers } = await context.client();
          return eachOf(context, names, async (container) => {
            const request = { namespace, container, signal: flags.signal };
            await containers.kill(request, { signal: context.signal });
            await write(io.stdout, `${container}\n`);
          });
        }),
      ),
};
