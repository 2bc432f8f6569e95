import type { Any } from '@bufbuild/protobuf/wkt';
import { AnyValue } from '../../../domain/any-value.ts';
import { parse } from '../parse.ts';

/** Only text that comes out again byte for byte counts as text. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/** The bytes as JSON text, or undefined where they are something else. */
const jsonText = (bytes: Uint8Array): string | undefined => {
  // An object: a number or a word may as well be the bytes of another encoding.
  if (bytes[0] !== 0x7b) return undefined;
  try {
    const text = utf8.decode(bytes);
    return isJson(text) ? text : undefined;
  } catch {
    return undefined;
  }
};

/** A client's value as the log keeps it. */
export const anyValueOf = ({ typeUrl, value }: Pick<Any, 'typeUrl' | 'value'>, field: string): AnyValue => {
  const json = jsonText(value);
  const kept =
    json === undefined ? { typeUrl, base64: Buffer.from(value).toString('base64') } : { typeUrl, json };
  return parse(AnyValue, kept, field);
};

/** The bytes of a value as the client gave them. */
export const anyBytes = (value: AnyValue): Uint8Array =>
  'json' in value ? Buffer.from(value.json) : Buffer.from(value.base64, 'base64');

/** The value as the client gave it. */
export const anyMessage = (value: AnyValue): { typeUrl: string; value: Uint8Array } => ({
  typeUrl: value.typeUrl,
  value: anyBytes(value),
});
