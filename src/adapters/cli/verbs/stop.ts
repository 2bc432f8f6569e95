import { write } from '../cli-io.ts';
import { given } from '../container-flags/options.ts';
import { parseCount } from '../parse/quantity.ts';
import { eachOf, type Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog stop web', 'its stop signal, then SIGKILL after its stop timeout'],
    ['shiplog stop -t 60 -s SIGINT db', 'ask differently, wait longer'],
  ],
  declare: (command, perform) =>
    command
      .argument('<container...>', 'ids or names')
      .option('-t, --time <seconds>', 'how long to wait before it is killed', parseCount)
      .option('-s, --signal <signal>', 'what to send first')
      .action((names, flags) =>
        perform(async (context) => {
          const { namespace, signal, io } = context;
          const { containers } = await context.client();
          return eachOf(context, names, async (container) => {
            const request = { namespace, container, ...given({ timeout: flags.time, signal: flags.signal }) };
            await containers.stop(request, { signal });
            await write(io.stdout, `${container}\n`);
          });
        }),
      ),
};
