import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { holds } from '../../../client/containerd/packed.ts';
import type { StreamItem } from '../../../engine/ports/store/streaming.ts';
import { invalid } from '../parse.ts';

/** What a client packed. @throws Rejection `invalid-argument` for another message, and for bytes that are none */
export const unpack = <M extends DescMessage>(item: StreamItem, schema: M): MessageShape<M> => {
  if (!holds(item, schema))
    throw invalid('type_url', `'${item.typeUrl}' where ${schema.typeName} was expected`);
  try {
    return fromBinary(schema, item.value);
  } catch (error) {
    throw invalid(
      schema.typeName,
      `can't be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
};
