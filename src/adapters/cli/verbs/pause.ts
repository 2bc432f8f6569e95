import { write } from '../cli-io.ts';
import { eachOf, type Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [['shiplog pause web', 'its processes stand still, its memory stays']],
  declare: (command, perform) =>
    command.argument('<container...>', 'ids or names').action((names) =>
      perform(async (context) => {
        const { namespace, signal, io } = context;
        const { containers } = await context.client();
        return eachOf(context, names, async (container) => {
          await containers.pause({ namespace, container }, { signal });
          await write(io.stdout, `${container}\n`);
        });
      }),
    ),
};
