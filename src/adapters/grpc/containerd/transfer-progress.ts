import type { MessageInitShape } from '@bufbuild/protobuf';
import { pack } from '../../../client/containerd/packed.ts';
import type { Descriptor } from '../../../domain/identity.ts';
import { asRejection } from '../../../domain/rejection.ts';
import type { Call } from '../../../engine/ports/api.ts';
import type { TakenStream } from '../../../engine/ports/store/streaming.ts';
import { ProgressSchema } from '../../../gen/containerd/types/transfer/progress_pb.ts';

type Report = Parameters<NonNullable<Call['report']>>[0];
type Progress = MessageInitShape<typeof ProgressSchema>;
type ItemReport = Extract<Report, { kind: 'item' }>;

/** containerd's words for what becomes of a piece. */
const words = {
  waiting: 'waiting',
  exists: 'already exists',
  downloading: 'downloading',
  downloaded: 'complete',
  extracting: 'extracting',
  extracted: 'extracted',
  uploading: 'uploading',
  uploaded: 'complete',
  mounted: 'complete',
} as const satisfies Record<ItemReport['status'], string>;

/** Progress as containerd's clients take it. */
export interface ProgressTeller {
  /** Something of the transfer as a whole. */
  tell(event: string, name?: string, target?: Descriptor): void;
  report(report: Report): void;
  /** Resolves when all was taken, or the client takes no more; ends the stream. */
  end(): Promise<void>;
}

const descriptorOf = ({ mediaType, digest, size }: Descriptor) => ({ mediaType, digest, size: BigInt(size) });

/**
 * Tells progress on a stream at the client's pace: of each piece only the newest waits, so that a slow client makes no
 * transfer wait and takes no more room than there are pieces.
 */
export const progressOn = (stream: TakenStream | undefined, root: () => string): ProgressTeller => {
  const waiting = new Map<string, Progress>();
  let count = 0;
  let pumping: Promise<void> | undefined;
  let given = false;
  /** What the next piece of a kind is a part of: manifests are brought one after the other, each before its own pieces. */
  const parents: Partial<Record<ItemReport['as'], string>> = {};
  const noteParent = (as: 'index' | 'manifest', name: string): void => {
    if (as === 'index') parents.manifest = name;
    else for (const piece of ['config', 'layer'] as const) parents[piece] = name;
  };

  const pump = async (target: TakenStream): Promise<void> => {
    try {
      for (const [key, progress] of waiting) {
        waiting.delete(key);
        await target.send(pack(ProgressSchema, progress));
      }
    } catch (error) {
      // The client listens no more: the transfer itself goes on.
      given = asRejection(error).code === 'cancelled';
      waiting.clear();
      if (!given) throw error;
    } finally {
      pumping = undefined;
    }
  };
  const put = (key: string, progress: Progress): void => {
    if (stream === undefined || given) return;
    // A later word on the same piece takes the place of the earlier one at the end of the row.
    waiting.delete(key);
    waiting.set(key, progress);
    pumping ??= pump(stream);
  };
  return {
    tell: (event, name = '', target = undefined) => {
      count += 1;
      put(`#${count}`, { event, name, ...(target === undefined ? {} : { desc: descriptorOf(target) }) });
    },
    report: (report) => {
      if (report.kind !== 'item') return;
      const { as, digest, mediaType, status, offset, total } = report;
      const name = `${as}-${digest}`;
      const parent = parents[as];
      if (as === 'index' || as === 'manifest') noteParent(as, name);
      put(name, {
        event: words[status],
        name,
        parents: [parent ?? root()],
        progress: BigInt(offset),
        total: BigInt(total),
        desc: { mediaType, digest, size: BigInt(total) },
      });
    },
    end: async () => {
      while (pumping !== undefined) await pumping;
      stream?.end();
    },
  };
};
