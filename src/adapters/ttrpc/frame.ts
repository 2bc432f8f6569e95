/**
 * The framing of ttrpc (containerd/ttrpc, version 1): a header of 10 bytes, then a protobuf message.
 *
 *     uint32 length of the message, big endian │ uint32 stream id │ uint8 type │ uint8 flags
 */

export const frameHeaderBytes = 10;

/** ttrpc's own limit for one message. */
export const frameLimitBytes = 4 * 1024 * 1024;

export const frameTypes = { request: 1, response: 2 } as const;
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

export interface Frame {
  /** Odd for calls that a client opened. */
  readonly stream: number;
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** @throws RangeError when the payload is over {@link frameLimitBytes} */
export const encodeFrame = (stream: number, type: FrameType, payload: Uint8Array): Buffer => {
  if (payload.length > frameLimitBytes) {
    throw new RangeError(
      `a ttrpc message of ${payload.length} bytes is over the limit of ${frameLimitBytes}`,
    );
  }
  const frame = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
  frame.writeUInt32BE(payload.length, 0);
  frame.writeUInt32BE(stream, 4);
  frame.writeUInt8(type, 8);
  frame.writeUInt8(0, 9);
  frame.set(payload, frameHeaderBytes);
  return frame;
};

/** Cuts a byte stream into frames; holds at most one unfinished frame. */
export class FrameDecoder {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes needed before another look is worth it. */
  #wanted = frameHeaderBytes;

  /**
   * @returns the frames that these bytes completed
   * @throws RangeError when a header announces more than {@link frameLimitBytes}; the stream is lost then
   */
  push(bytes: Buffer): Frame[] {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes < this.#wanted) return [];
    const buffer = this.#pending.length === 1 ? bytes : Buffer.concat(this.#pending, this.#pendingBytes);
    const frames: Frame[] = [];
    let at = 0;
    this.#wanted = frameHeaderBytes;
    while (buffer.length - at >= frameHeaderBytes) {
      const length = buffer.readUInt32BE(at);
      if (length > frameLimitBytes) {
        throw new RangeError(`a ttrpc header announces ${length} bytes; the limit is ${frameLimitBytes}`);
      }
      const end = at + frameHeaderBytes + length;
      if (end > buffer.length) {
        this.#wanted = frameHeaderBytes + length;
        break;
      }
      frames.push({
        stream: buffer.readUInt32BE(at + 4),
        type: buffer.readUInt8(at + 8),
        flags: buffer.readUInt8(at + 9),
        payload: buffer.subarray(at + frameHeaderBytes, end),
      });
      at = end;
    }
    const rest = buffer.subarray(at);
    this.#pending = rest.length === 0 ? [] : [rest];
    this.#pendingBytes = rest.length;
    return frames;
  }
}
