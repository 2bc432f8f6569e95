import { write } from '../cli-io.ts';
import { eachOf, type Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog wait job', 'prints its exit code when it has exited'],
    ['test "$(shiplog wait job)" = 0 && deploy', 'act on how it ended'],
  ],
  declare: (command, perform) =>
    command.argument('<container...>', 'ids or names').action((names) =>
      perform(async (context) => {
        const { namespace, signal, io } = context;
        const { containers } = await context.client();
        return eachOf(context, names, async (container) => {
          const { exitCode } = await containers.wait({ namespace, container }, { signal });
          await write(io.stdout, `${exitCode}\n`);
        });
      }),
    ),
};
