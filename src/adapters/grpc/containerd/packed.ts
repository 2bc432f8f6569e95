import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import type { StreamItem } from '../../../engine/ports/store/streaming.ts';
import { invalid } from '../parse.ts';

/** A message as containerd packs it: its bare name is the type URL. */
export const pack = <M extends DescMessage>(schema: M, init: MessageInitShape<M>): StreamItem => ({
  typeUrl: schema.typeName,
  value: toBinary(schema, create(schema, init)),
});

/** Whether a packed value is such a message; a type URL may have anything before its last slash. */
export const holds = ({ typeUrl }: Pick<StreamItem, 'typeUrl'>, schema: DescMessage): boolean =>
  typeUrl.slice(typeUrl.lastIndexOf('/') + 1) === schema.typeName;

/** @throws Rejection `invalid-argument` for another message, and for bytes that are none */
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
