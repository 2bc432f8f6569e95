import { ImageReference } from '../../domain/image-reference.ts';
import { Rejection } from '../../domain/rejection.ts';
import { exportArchive } from '../../workflows/export.ts';
import { importArchive } from '../../workflows/import.ts';
import type { Call, ImagesApi } from '../ports/api.ts';
import { type Engine, run } from './engine.ts';
import { HandOver } from './hand-over.ts';
import { find } from './images.ts';

/** Images as files. */
export const archivesApi = (engine: Engine): Pick<ImagesApi, 'import' | 'export'> => ({
  import: (request, call) => importFrom(engine, request, call),
  export: (request, call) => exportTo(engine, request, call),
});

const gone = () => new Rejection('cancelled', 'the caller went away');

const importFrom = async (
  engine: Engine,
  { namespace, name, platform, archive: bytes }: Parameters<ImagesApi['import']>[0],
  call: Call,
): Promise<readonly string[]> => {
  const as = name === undefined ? undefined : referenceOf(name);
  const archive = engine.ports.archives.open(bytes);
  const abandon = () => archive.close(gone());
  call.signal?.addEventListener('abort', abandon, { once: true });
  try {
    const request = { namespace, ...(as ? { name: as } : {}), ...(platform ? { platform } : {}) };
    return await run(engine, importArchive(request), call, { archive });
  } finally {
    call.signal?.removeEventListener('abort', abandon);
    abandon();
  }
};

const referenceOf = (text: string): ImageReference => {
  const parsed = ImageReference.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new Rejection('invalid-argument', parsed.error.issues[0]?.message ?? `'${text}' is not a name`);
};

/** The workflow writes into one end, the caller reads from the other. */
async function* exportTo(
  engine: Engine,
  { namespace, images, format }: Parameters<ImagesApi['export']>[0],
  call: Call,
): AsyncGenerator<Uint8Array> {
  if (images.length === 0) throw new Rejection('invalid-argument', 'name at least one image to export');
  const byName = new Map(
    images.map((text) => find(engine, namespace, text)).map((image) => [image.name, image]),
  );
  const left = new AbortController();
  const signal = call.signal === undefined ? left.signal : AbortSignal.any([call.signal, left.signal]);
  const handOver = new HandOver<Uint8Array>();
  const stop = () => handOver.drop(gone());
  signal.addEventListener('abort', stop, { once: true });
  const sink = (bytes: Uint8Array) => handOver.put(bytes);
  const work = run(
    engine,
    exportArchive({ namespace, images: [...byName.values()], format }),
    { ...call, signal },
    { sink },
  );
  const settled = work.then(
    () => handOver.end(),
    (error: unknown) => handOver.drop(error),
  );
  try {
    yield* handOver.items();
  } finally {
    left.abort(gone());
    await settled;
  }
}
