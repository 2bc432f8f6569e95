import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';
import { generateSigner, parseSigner, type Signer } from '../../tlog/key.ts';
import { createDurably, makeFolder, namesIn, readIfThere } from './durable-files.ts';

/**
 * Signing keys: `<id>.key` holds the private one (mode 0600), `<id>.vkey` the public one, for auditors. The text of a
 * private key is read when it signs, and is in no message.
 */
export class KeyFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Those whose file can be read as a key. @throws Rejection `failed-precondition` for a file that others can read */
  async signers(): Promise<readonly Signer[]> {
    const signers: Signer[] = [];
    for (const name of await namesIn(this.#directory)) {
      if (!name.endsWith('.key')) continue;
      const path = join(this.#directory, name);
      const { mode } = await stat(path);
      if ((mode & 0o077) !== 0) {
        throw new Rejection(
          'failed-precondition',
          `${path} can be read by others (mode ${(mode & 0o777).toString(8)}), so it may be known; if it is not, chmod 600 it, else replace the key`,
        );
      }
      const text = (await readIfThere(path))?.toString().trimEnd();
      if (text !== undefined) signers.push(parseSigner(text));
    }
    return signers;
  }

  /** Makes a key. Durable when it resolves. */
  async make(name: string): Promise<string> {
    const signer = generateSigner(name);
    const { vkey } = signer.verifier;
    await makeFolder(this.#directory);
    await createDurably(this.#pathOf(vkey, 'vkey'), `${vkey}\n`, 0o644);
    await createDurably(this.#pathOf(vkey, 'key'), `${signer.secret()}\n`, 0o600);
    return vkey;
  }

  async forget(vkey: string): Promise<void> {
    await rm(this.#pathOf(vkey, 'key'), { force: true });
  }

  #pathOf(vkey: string, kind: 'key' | 'vkey'): string {
    const [, id = ''] = vkey.split('+');
    return join(this.#directory, `${id}.${kind}`);
  }
}
