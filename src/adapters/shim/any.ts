import { create } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import type { AnyValue } from '../../domain/any-value.ts';

/** A value as the shim takes it. */
export const anyOf = (value: AnyValue): Any =>
  create(AnySchema, {
    typeUrl: value.typeUrl,
    value: 'json' in value ? Buffer.from(value.json) : Buffer.from(value.base64, 'base64'),
  });

/** A value of the shim's. */
export const anyValueOf = ({ typeUrl, value }: Any): AnyValue => ({
  typeUrl,
  base64: Buffer.from(value).toString('base64'),
});
