import { Metadata } from '@grpc/grpc-js';
import type { Caller } from './caller.ts';

/** Metadata keys of Shiplog's own API. */
export const clientHeader = 'shiplog-client';
export const reasonHeader = 'shiplog-reason';
/** Trailer on an error of Create, or Session: the code the command line should exit with (126, 127). */
export const exitCodeTrailer = 'shiplog-exit-code';

/**
 * Text as a metadata value, which may hold printable ASCII only: everything else, and `%`, goes percent-encoded as UTF-8
 * (as gRPC does with its own status message).
 */
export const encodeHeader = (text: string): string =>
  text.replace(/[^ -$&-~]+/gu, (part) => {
    let encoded = '';
    for (const byte of Buffer.from(part, 'utf8')) {
      encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    }
    return encoded;
  });

/** The text that {@link encodeHeader} was given; a value that was never encoded comes back as it is. */
export const decodeHeader = (value: string): string => {
  try {
    return decodeURIComponent(value);
  } catch (error) {
    if (error instanceof URIError) return value;
    throw error;
  }
};

export const callerMetadata = (caller: Caller): Metadata => {
  const metadata = new Metadata();
  if (caller.client) metadata.set(clientHeader, encodeHeader(caller.client));
  if (caller.reason) metadata.set(reasonHeader, encodeHeader(caller.reason));
  return metadata;
};
