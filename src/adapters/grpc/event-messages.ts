import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ToldEvent } from '../../engine/ports/api.ts';
import type { EventSchema } from '../../gen/shiplog/v1/types_pb.ts';
import { present } from './parse.ts';

/** An event as clients see it: its payload stays JSON, since its schemas are the log's and not the wire's. */
export const eventMessage = (event: ToldEvent): MessageInitShape<typeof EventSchema> => {
  const { actor, time, correlation, causation, reason } = event.meta;
  return {
    position: event.position,
    type: event.type,
    version: event.version,
    subject: event.subject,
    data: JSON.stringify(event.data) ?? '',
    actor: {
      uid: BigInt(actor.uid),
      gid: BigInt(actor.gid),
      pid: BigInt(actor.pid),
      exe: actor.exe,
      client: actor.client,
    },
    wallUs: BigInt(time.wall),
    monoUs: BigInt(time.mono),
    boot: time.boot,
    correlation,
    ...present({ causation: causation === undefined ? undefined : BigInt(causation) }),
    reason: reason ?? '',
    summary: event.summary,
    ...present({ redactedBy: event.redactedBy }),
  };
};
