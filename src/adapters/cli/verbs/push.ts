import { write } from '../cli-io.ts';
import { given } from '../container-flags/options.ts';
import { readCredentials } from '../parse/credentials.ts';
import { followTransfer, progressView } from '../transfer/progress.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog push registry.example:5000/app:1.2', 'to where its name says'],
    ['shiplog push app:1.2 registry.example:5000/app:stable', 'to another name'],
  ],
  declare: (command, perform) =>
    command
      .argument('<image>', 'the image here')
      .argument('[reference]', "where to; the image's own name if not given")
      .option('--creds <user[:password]>', "credentials for this call (default: docker's configuration)")
      .option('--password-stdin', 'read the password from standard input')
      .option('-q, --quiet', 'print only the digest')
      .action((image, reference, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const credentials = await readCredentials(flags.creds, flags.passwordStdin, io);
          const { images } = await client();
          const request = { namespace, image, reference: reference ?? '', ...given({ credentials }) };
          const view = await progressView(flags.quiet ? 'nothing' : 'bars', io.stdout);
          const done = await followTransfer(images.push(request, { signal }), view);
          await write(io.stdout, flags.quiet ? `${done.digest}\n` : `${done.name}: digest: ${done.digest}\n`);
          return 0;
        }),
      ),
};
