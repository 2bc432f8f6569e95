import { write } from '../cli-io.ts';
import { eachOf, type Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog rmi debian:12', 'take the name away; free what nothing else holds'],
    ['shiplog rmi -f app:old', 'also while a container uses it'],
  ],
  declare: (command, perform) =>
    command
      .argument('<image...>', 'names or ids')
      .option('-f, --force', 'also while a container uses it')
      .action((names, flags) =>
        perform(async (context) => {
          const { images } = await context.client();
          return eachOf(context, names, async (image) => {
            const { namespace, signal, io } = context;
            const gone = await images.remove({ namespace, image, force: flags.force ?? false }, { signal });
            const lines = [
              ...gone.untagged.map((name) => `Untagged: ${name}\n`),
              ...gone.deleted.map((digest) => `Deleted: ${digest}\n`),
            ];
            await write(io.stdout, lines.join(''));
          });
        }),
      ),
};
