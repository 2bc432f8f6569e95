import type { ImagesApi, TransferReport } from '../../engine/ports/api.ts';
import type { Images, ImportRequest } from '../../gen/shiplog/v1/images_pb.ts';
import { atOf } from './at.ts';
import type { Service } from './handlers.ts';
import {
  credentialsOf,
  doneMessage,
  imageMessage,
  platformOf,
  reportMessage,
  reportSubject,
} from './image-messages.ts';
import { exportChunkBytes } from './limits.ts';
import { invalid, namespaceOf, present, referenceOf, required } from './parse.ts';
import { progressOf } from './progress.ts';

type Done = Parameters<typeof doneMessage>[0];

const transfer = (work: (report: (report: TransferReport) => void) => Promise<Done>) =>
  progressOf(work, reportSubject, reportMessage, doneMessage);

/** The options that open an import, and the bytes after them. */
const openImport = async (requests: AsyncIterable<ImportRequest>) => {
  const messages = requests[Symbol.asyncIterator]();
  const first = await messages.next();
  if (first.done || first.value.request.case !== 'options') {
    throw invalid('options', 'the first message must carry them');
  }
  const archive = async function* (): AsyncGenerator<Uint8Array> {
    for (let next = await messages.next(); !next.done; next = await messages.next()) {
      const { request } = next.value;
      if (request.case !== 'data') throw invalid('data', 'every message after the first must carry it');
      yield request.value;
    }
  };
  return { options: first.value.request.value, archive: archive() };
};

/** Pieces that fit well into messages, whatever the source yields. */
async function* pieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<{ data: Uint8Array }> {
  for await (const bytes of source) {
    for (let offset = 0; offset < bytes.length; offset += exportChunkBytes) {
      yield { data: bytes.subarray(offset, offset + exportChunkBytes) };
    }
  }
}

const archiveFormat = (text: string): 'oci' | 'docker' => {
  if (text === '' || text === 'oci') return 'oci';
  if (text === 'docker') return text;
  throw invalid('format', `'${text}' is not a format; give oci or docker`);
};

export const imagesService = (api: ImagesApi): Service<typeof Images> => ({
  pull: (request, context) => {
    const input = {
      namespace: namespaceOf(request.namespace),
      reference: referenceOf(request.reference, 'reference'),
      ...present({
        platform: platformOf(request.platform),
        credentials: credentialsOf(request.credentials),
      }),
    };
    return transfer((report) => api.pull(input, { ...context, report }));
  },
  push: (request, context) => {
    const input = {
      namespace: namespaceOf(request.namespace),
      image: required(request.image, 'image'),
      ...present({
        reference: request.reference === '' ? undefined : referenceOf(request.reference, 'reference'),
        credentials: credentialsOf(request.credentials),
      }),
    };
    return transfer((report) => api.push(input, { ...context, report }));
  },
  import: async (requests, context) => {
    const { options, archive } = await openImport(requests);
    const input = {
      namespace: namespaceOf(options.namespace),
      archive,
      ...present({ name: options.name || undefined, platform: platformOf(options.platform) }),
    };
    return { names: [...(await api.import(input, context))] };
  },
  export: (request, context) => {
    if (request.images.length === 0) throw invalid('images', 'is empty; name at least one');
    const input = {
      namespace: namespaceOf(request.namespace),
      images: request.images.map((image, index) => required(image, `images.${index}`)),
      format: archiveFormat(request.format),
    };
    return pieces(api.export(input, context));
  },
  list: async ({ namespace, reference, at }, { signal }) => {
    const options = present({ reference: reference || undefined, at: atOf(at) });
    const images = await api.list(namespaceOf(namespace), options, signal);
    return { images: images.map(imageMessage) };
  },
  inspect: async ({ namespace, image, at }, { signal }) => {
    const name = required(image, 'image');
    const found = await api.inspect(namespaceOf(namespace), name, atOf(at), signal);
    const { config, manifest, layers } = found;
    return { image: imageMessage(found.image), config, manifest, layers: [...layers] };
  },
  tag: async ({ namespace, source, target }, context) => {
    const input = {
      namespace: namespaceOf(namespace),
      source: required(source, 'source'),
      target: referenceOf(target, 'target'),
    };
    await api.tag(input, context);
    return {};
  },
  remove: async ({ namespace, image, force }, context) => {
    const input = { namespace: namespaceOf(namespace), image: required(image, 'image'), force };
    const { untagged, deleted } = await api.remove(input, context);
    return { untagged: [...untagged], deleted: [...deleted] };
  },
});
