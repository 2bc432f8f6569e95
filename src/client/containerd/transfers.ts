import type { Streaming } from '../../gen/containerd/services/streaming/v1/streaming_pb.ts';
import type { Transfer } from '../../gen/containerd/services/transfer/v1/transfer_pb.ts';
import { ImageStoreSchema } from '../../gen/containerd/types/transfer/imagestore_pb.ts';
import {
  ImageExportStreamSchema,
  ImageImportStreamSchema,
} from '../../gen/containerd/types/transfer/importexport_pb.ts';
import { type Progress, ProgressSchema } from '../../gen/containerd/types/transfer/progress_pb.ts';
import {
  AuthRequestSchema,
  AuthResponseSchema,
  AuthType,
  OCIRegistrySchema,
} from '../../gen/containerd/types/transfer/registry_pb.ts';
import type { CallOptions } from '../call-options.ts';
import type { ServiceClient } from '../service-types.ts';
import { type Packed, pack, unpack } from './packed.ts';
import { openStream, receiveBytes, type SideStream, sendBytes } from './streams.ts';

/** Where an image runs, as containerd writes it. */
export interface PlatformName {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** How a client shows itself to a registry. */
export type Account =
  | { readonly username: string; readonly password: string }
  | { readonly identityToken: string }
  /** Value of an Authorization header, with its scheme. */
  | { readonly header: string };

export interface TransferOptions extends CallOptions {
  readonly onProgress?: (progress: Progress) => void;
}

export interface RegistryOptions extends TransferOptions {
  /** Asked for each host that wants an account; the daemon's own accounts count where this is absent. */
  readonly account?: (host: string) => Promise<Account | undefined> | Account | undefined;
  /** Folder with `<host>/hosts.toml`, on the daemon's host. */
  readonly hostsDirectory?: string;
  readonly scheme?: 'http' | 'https';
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PullOptions extends RegistryOptions {
  /** What the image is to be called; its reference by default. */
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Which to fetch; all by default. */
  readonly platforms?: readonly PlatformName[];
  /** Which to unpack; none by default. */
  readonly unpack?: readonly PlatformName[];
}

type Services = {
  readonly transfer: ServiceClient<typeof Transfer>;
  readonly streaming: ServiceClient<typeof Streaming>;
};

const wire = ({ os, architecture, variant = '' }: PlatformName) => ({ os, architecture, variant });
const imageStore = (name: string, labels: Readonly<Record<string, string>> = {}) =>
  pack(ImageStoreSchema, { name, labels: { ...labels } });

/** Images as wholes: from and to registries and archives. All fail with ShiplogError. */
export class TransferClient {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  async pull(reference: string, options: PullOptions = {}): Promise<void> {
    const { name = reference, labels = {}, platforms = [], unpack: unpacked = [] } = options;
    const destination = pack(ImageStoreSchema, {
      name,
      labels: { ...labels },
      platforms: platforms.map(wire),
      unpacks: unpacked.map((platform) => ({ platform: wire(platform) })),
    });
    await this.#atRegistry(reference, options, (registry) => this.#run(registry, destination, options));
  }

  async push(name: string, reference: string, options: RegistryOptions = {}): Promise<void> {
    await this.#atRegistry(reference, options, (registry) => this.#run(imageStore(name), registry, options));
  }

  async tag(name: string, as: string, options: TransferOptions = {}): Promise<void> {
    await this.#run(imageStore(name), imageStore(as), options);
  }

  /** @param options.name for what has no name in the archive */
  async import(
    archive: AsyncIterable<Uint8Array>,
    options: TransferOptions & {
      readonly name?: string;
      readonly labels?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<void> {
    const { name = '', labels } = options;
    const stream = await this.#open('import', options);
    const source = pack(ImageImportStreamSchema, { stream: stream.id });
    const sent = sendBytes(stream, archive).catch((error: unknown) => {
      // The archive can't be read: the daemon must not take what came for all of it.
      stream.cancel();
      throw error;
    });
    await Promise.all([sent, this.#run(source, imageStore(name, labels), options)]);
  }

  /** The bytes of an OCI image layout in a tar; leaving the loop early ends the export. */
  async *export(names: readonly string[], options: TransferOptions = {}): AsyncGenerator<Uint8Array> {
    const [name = '', ...others] = names;
    const stream = await this.#open('export', options);
    const source = pack(ImageStoreSchema, { name, extraReferences: others.map((each) => ({ name: each })) });
    const done = this.#run(source, pack(ImageExportStreamSchema, { stream: stream.id }), options);
    // Told below, once what came before the failure was handed on.
    done.catch(() => undefined);
    yield* receiveBytes(stream);
    await done;
  }

  async #run(source: Packed, destination: Packed, options: TransferOptions): Promise<void> {
    const { onProgress, ...call } = options;
    if (onProgress === undefined) {
      await this.#services.transfer.transfer({ source, destination }, call);
      return;
    }
    const progress = await this.#open('progress', options);
    const told = (async () => {
      for await (const item of progress.items) onProgress(unpack(item, ProgressSchema));
    })();
    try {
      const wished = { progressStream: progress.id };
      await this.#services.transfer.transfer({ source, destination, options: wished }, call);
      await told;
    } finally {
      progress.cancel();
    }
  }

  async #atRegistry(
    reference: string,
    options: RegistryOptions,
    work: (registry: Packed) => Promise<void>,
  ): Promise<void> {
    const { account, hostsDirectory = '', scheme = '', headers = {} } = options;
    const stream = account === undefined ? undefined : await this.#open('account', options);
    if (stream !== undefined && account !== undefined) {
      // Ends with the stream; a failure to answer shows as the daemon's refusal.
      answer(stream, account).catch(() => stream.cancel());
    }
    const resolver = {
      authStream: stream?.id ?? '',
      hostDir: hostsDirectory,
      defaultScheme: scheme,
      headers: { ...headers },
    };
    try {
      await work(pack(OCIRegistrySchema, { reference, resolver }));
    } finally {
      stream?.cancel();
    }
  }

  #open(topic: string, { signal }: CallOptions): Promise<SideStream> {
    return openStream(this.#services.streaming, topic, signal);
  }
}

const answer = async (
  stream: SideStream,
  account: NonNullable<RegistryOptions['account']>,
): Promise<void> => {
  for await (const item of stream.items) {
    await stream.send(AuthResponseSchema, responseOf(await account(unpack(item, AuthRequestSchema).host)));
  }
};

const responseOf = (account: Account | undefined) => {
  if (account === undefined) return { authType: AuthType.NONE };
  if ('header' in account) return { authType: AuthType.HEADER, secret: account.header };
  if ('identityToken' in account) return { authType: AuthType.REFRESH, secret: account.identityToken };
  return { authType: AuthType.CREDENTIALS, username: account.username, secret: account.password };
};
