import { write } from '../cli-io.ts';
import { openCidFile } from '../container-flags/cidfile.ts';
import { ensureImage } from '../container-flags/ensure-image.ts';
import { addContainerFlags } from '../container-flags/flags.ts';
import { containerOptions } from '../container-flags/options.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog create --name db debian sleep 60', 'prints the id'],
    ['shiplog start -a $(shiplog create debian date)', 'start it later, and see what it says'],
  ],
  declare: (command, perform) => {
    const containerFlags = addContainerFlags(command);
    command
      .passThroughOptions()
      .argument('<image>', 'image to run; fetched if it is not here')
      .argument('[command...]', "program and arguments, in place of the image's")
      .action((image, words) =>
        perform(async (context) => {
          const flags = containerFlags();
          const options = containerOptions(image, words, flags, context.io);
          const cidFile = openCidFile(flags.cidfile);
          try {
            const pull = await ensureImage(context, image, flags);
            const client = await context.client();
            const { id } = await client.containers.create(
              { namespace: context.namespace, options: { ...options, pull } },
              { signal: context.signal },
            );
            cidFile.write(id);
            await write(context.io.stdout, `${id}\n`);
            return 0;
          } finally {
            cidFile.close();
          }
        }),
      );
  },
};
