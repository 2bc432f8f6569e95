import { Rejection } from '../../domain/rejection.ts';
import { checkLayerType } from './layer-type.ts';

/** A program that turns layers of some media types (standard input) into another (standard output). */
export interface StreamProcessor {
  /** Names it in messages, and its payload. */
  readonly id: string;
  readonly accepts: readonly string[];
  readonly returns: string;
  /** A name on PATH or an absolute path. */
  readonly path: string;
  readonly args: readonly string[];
  /** `NAME=VALUE`, over those of the daemon. */
  readonly env: readonly string[];
}

/** Programs that one layer may go through. */
const STEPS = 16;
/** What they must come to in the end. */
const plainLayer = 'application/vnd.oci.image.layer.v1.tar';

export interface LayerRoute {
  readonly steps: readonly StreamProcessor[];
  /** Of what comes out of the last step, or of the blob where there is none. */
  readonly mediaType: string;
}

/**
 * The programs that a layer goes through: for each type the one that was configured last, before what Shiplog knows by
 * itself, as in containerd, until it is a plain layer or nobody takes it.
 * @throws Rejection `unimplemented` where that is no layer, `failed-precondition` where it goes round in circles
 */
export const routeOf = (mediaType: string, processors: readonly StreamProcessor[]): LayerRoute => {
  const steps: StreamProcessor[] = [];
  let type = mediaType;
  for (;;) {
    const next = processors.findLast(({ accepts }) => accepts.includes(type));
    if (next === undefined) break;
    steps.push(next);
    type = next.returns;
    if (type === plainLayer) break;
    if (steps.length === STEPS) {
      throw new Rejection(
        'failed-precondition',
        `a layer of type '${mediaType}' would go through more than ${STEPS} stream processors: ${steps[0]?.id}, …`,
      );
    }
  }
  checkLayerType(type);
  return { steps, mediaType: type };
};
