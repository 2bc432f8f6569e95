/**
 * How daemon and stdio holder talk over a unix socket: frames of a 5-byte header and bytes.
 *
 *     uint32 length of the body, big endian │ uint8 kind │ body
 */
export const frameKinds = { json: 0, stdout: 1, stderr: 2, stdin: 3 } as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

/** Largest body in bytes. */
export const frameLimit = 1024 * 1024;
const headerBytes = 5;

export interface Frame {
  readonly kind: number;
  readonly body: Buffer;
}

/** The header alone, so that a large body needs no copy. @throws RangeError over {@link frameLimit} */
export const frameHeader = (kind: FrameKind, length: number): Buffer => {
  if (length > frameLimit)
    throw new RangeError(`a frame of ${length} bytes is over the limit of ${frameLimit}`);
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt32BE(length, 0);
  header.writeUInt8(kind, 4);
  return header;
};

export const jsonFrame = (value: object): Buffer => {
  const body = Buffer.from(JSON.stringify(value));
  return Buffer.concat([frameHeader(frameKinds.json, body.length), body]);
};

/** Cuts a byte stream into frames. */
export class FrameCutter {
  #pending: Buffer = Buffer.alloc(0);

  /** @throws RangeError when a header announces more than {@link frameLimit} */
  push(bytes: Buffer): Frame[] {
    const buffer = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    const frames: Frame[] = [];
    let at = 0;
    while (buffer.length - at >= headerBytes) {
      const length = buffer.readUInt32BE(at);
      if (length > frameLimit)
        throw new RangeError(`a frame announces ${length} bytes; the limit is ${frameLimit}`);
      const end = at + headerBytes + length;
      if (end > buffer.length) break;
      frames.push({ kind: buffer.readUInt8(at + 4), body: buffer.subarray(at + headerBytes, end) });
      at = end;
    }
    this.#pending = buffer.subarray(at);
    return frames;
  }
}
