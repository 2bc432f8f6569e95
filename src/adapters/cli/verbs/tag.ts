import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [['shiplog tag debian:12 registry.example:5000/base:12', 'a second name for the same content']],
  declare: (command, perform) =>
    command
      .argument('<source>', 'the image, by name or id')
      .argument('<target>', 'its new name')
      .action((source, target) =>
        perform(async ({ namespace, client, signal }) => {
          await (await client()).images.tag({ namespace, source, target }, { signal });
          return 0;
        }),
      ),
};
