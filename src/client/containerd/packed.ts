import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { ShiplogError } from '../shiplog-error.ts';

/** A value of protobuf's Any: its type by name, and its bytes. */
export interface Packed {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** A message as containerd packs it: its bare name is the type URL. */
export const pack = <M extends DescMessage>(schema: M, init: MessageInitShape<M>): Packed => ({
  typeUrl: schema.typeName,
  value: toBinary(schema, create(schema, init)),
});

/** JSON as containerd packs it, such as a runtime specification. */
export const packJson = (typeUrl: string, value: unknown): Packed => ({
  typeUrl,
  value: Buffer.from(JSON.stringify(value)),
});

/** Type URL of an OCI runtime specification. */
export const specTypeUrl = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';

/** Whether a packed value is such a message; a type URL may have anything before its last slash. */
export const holds = ({ typeUrl }: Pick<Packed, 'typeUrl'>, schema: DescMessage): boolean =>
  typeUrl.slice(typeUrl.lastIndexOf('/') + 1) === schema.typeName;

/** @throws ShiplogError `invalid-argument` for another message */
export const unpack = <M extends DescMessage>(packed: Packed, schema: M): MessageShape<M> => {
  if (holds(packed, schema)) return fromBinary(schema, packed.value);
  throw new ShiplogError('invalid-argument', `'${packed.typeUrl}' is no ${schema.typeName}`);
};
