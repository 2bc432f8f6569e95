import { write } from '../cli-io.ts';
import { openCidFile } from '../container-flags/cidfile.ts';
import { ensureImage } from '../container-flags/ensure-image.ts';
import { addContainerFlags } from '../container-flags/flags.ts';
import { containerOptions } from '../container-flags/options.ts';
import { UsageError } from '../exit-codes.ts';
import { detachKeysHelp, parseDetachKeys } from '../parse/detach-keys.ts';
import { runSession } from '../session/session.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog run --rm debian echo hello', 'run, print, exit with its code, remove'],
    ['shiplog run --rm -it debian bash', 'a shell on your terminal; Ctrl-P Ctrl-Q leaves it running'],
    ['shiplog run -d --name web -m 256m --cpus 0.5 -v /srv/www:/www:ro httpd', 'in the background, limited'],
  ],
  declare: (command, perform) => {
    const declared = command
      .passThroughOptions()
      .argument('<image>', 'image to run; fetched if it is not here')
      .argument('[command...]', "program and arguments, in place of the image's")
      .option('-d, --detach', 'run in the background and print the id')
      .option('--detach-keys <keys>', detachKeysHelp, parseDetachKeys);
    const containerFlags = addContainerFlags(command);
    declared.action((image, words, own) =>
      perform(async (context) => {
        const { io, namespace } = context;
        const flags = containerFlags();
        const detach = own.detach ?? false;
        const options = containerOptions(image, words, flags, io);
        if (flags.tty && flags.interactive && !detach && !io.stdin.isTTY) {
          throw new UsageError('-it needs a terminal, and standard input is none; leave out -t');
        }
        const cidFile = openCidFile(flags.cidfile);
        try {
          const pull = await ensureImage(context, image, flags);
          return await runSession(context, {
            open: { case: 'run', value: { namespace, options: { ...options, pull }, detach } },
            terminal: flags.tty ?? false,
            stdin: flags.interactive ?? false,
            detach,
            detachKeys: own.detachKeys,
            onCreated: async (id) => {
              cidFile.write(id);
              if (detach) await write(io.stdout, `${id}\n`);
            },
          });
        } finally {
          cidFile.close();
        }
      }),
    );
  },
};
