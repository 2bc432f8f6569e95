import type { DescMessage } from '@bufbuild/protobuf';

/**
 * An answer as the bytes that go out, for those that are many or large: making a message of protobuf-es and then its bytes
 * takes several times as long as writing them.
 */
export class Encoded<O extends DescMessage = DescMessage> {
  readonly bytes: Buffer;
  /** Of the type alone: which message they are. */
  declare readonly of: O;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
