import { write } from '../cli-io.ts';
import { given } from '../container-flags/options.ts';
import { readCredentials } from '../parse/credentials.ts';
import { parsePlatform } from '../parse/platform.ts';
import { followTransfer, progressView, pulledLines } from '../transfer/progress.ts';
import type { Verb } from '../verb.ts';

export const verb: Verb = {
  examples: [
    ['shiplog pull debian:12', 'from Docker Hub'],
    [
      'shiplog pull --platform linux/arm64 registry.example:5000/app@sha256:4bcf…',
      'this content, for another machine',
    ],
    [
      'pass show hub | shiplog pull --creds me --password-stdin private/app',
      'credentials for this call only',
    ],
  ],
  declare: (command, perform) =>
    command
      .argument('<reference>', 'NAME[:TAG] or NAME@DIGEST')
      .option('--platform <os/arch>', "platform to fetch (default: this host's)", parsePlatform)
      .option('--creds <user[:password]>', "credentials for this call (default: docker's configuration)")
      .option('--password-stdin', 'read the password from standard input')
      .option('-q, --quiet', "print only the image's name")
      .action((reference, flags) =>
        perform(async ({ io, namespace, client, signal }) => {
          const credentials = await readCredentials(flags.creds, flags.passwordStdin, io);
          const { images } = await client();
          const request = { namespace, reference, ...given({ platform: flags.platform, credentials }) };
          const view = await progressView(flags.quiet ? 'nothing' : 'bars', io.stdout);
          const done = await followTransfer(images.pull(request, { signal }), view);
          await write(io.stdout, flags.quiet ? `${done.name}\n` : pulledLines(done));
          return 0;
        }),
      ),
};
