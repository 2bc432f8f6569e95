import { write } from '../cli-io.ts';
import { eachOf, type Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [['shiplog unpause web', 'its processes go on where they stood']],
  declare: (command, perform) =>
    command.argument('<container...>', 'ids or names').action((names) =>
      perform(async (context) => {
        const { namespace, signal, io } = context;
        const { containers } = await context.client();
        return eachOf(context, names, async (container) => {
          await containers.unpause({ namespace, container }, { signal });
          await write(io.stdout, `${container}\n`);
        });
      }),
    ),
};
