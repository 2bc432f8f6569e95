import koffi from 'koffi';
import { SyscallError } from './error.ts';

/**
 * The zstd library of the machine, through koffi as the C library is (ADR 0006). Its streaming calls and their two
 * structures have been the same since version 1.0.
 */
const SONAME = 'libzstd.so.1';

/** Bytes of one output; a block of zstd's is at most half of it. */
const CHUNK = 256 * 1024;

interface Library {
  readonly create: () => unknown;
  readonly free: (stream: unknown) => unknown;
  readonly decompress: (stream: unknown, out: BigUint64Array, input: BigUint64Array) => number | bigint;
  readonly isError: (result: number | bigint) => number;
  readonly errorName: (result: number | bigint) => string;
}

const load = (): Library | undefined => {
  try {
    const library = koffi.load(SONAME);
    return {
      create: library.func('void *ZSTD_createDStream()'),
      free: library.func('uint64_t ZSTD_freeDStream(void *stream)'),
      decompress: library.func('uint64_t ZSTD_decompressStream(void *stream, void *output, void *input)'),
      isError: library.func('uint32_t ZSTD_isError(uint64_t result)'),
      errorName: library.func('const char *ZSTD_getErrorName(uint64_t result)'),
    };
  } catch (error) {
    // koffi says no more than its words
    if (error instanceof Error && error.message.includes(SONAME)) return undefined;
    throw error;
  }
};

let loaded: { readonly library: Library | undefined } | undefined;

/** Each thread looks once, and must do so before its root is another one's, where the library would be that one's too. */
const libraryHere = (): Library | undefined => {
  loaded ??= { library: load() };
  return loaded.library;
};

export const hasZstdLibrary = (): boolean => libraryHere() !== undefined;

/** Why the bytes are no zstd. */
export class ZstdError extends Error {}

/** Bytes of any number of zstd frames, in pieces. */
export interface ZstdDecoder {
  /** @param take is given what the piece brings; the bytes are only lent. @throws ZstdError */
  push(piece: Buffer, take: (bytes: Buffer) => void): void;
  /** @throws ZstdError where the last frame is not whole */
  end(): void;
  close(): void;
}

/** A pointer, a size and a position, as in ZSTD_inBuffer and ZSTD_outBuffer. @returns how to fill and read it */
const bufferOf = () => {
  const fields = new BigUint64Array(3);
  return {
    fields,
    set: (bytes: Buffer): void => {
      fields.set([koffi.address(bytes), BigInt(bytes.length), 0n]);
    },
    get position(): number {
      return Number(fields[2]);
    },
  };
};

/**
 * A window of more than 128 MiB is refused, as by the program.
 * @throws SyscallError where there is no such library, or no memory
 */
export const openZstdDecoder = (): ZstdDecoder => {
  const library = libraryHere();
  const stream = library?.create();
  if (library === undefined || !stream) throw new SyscallError('zstd', 0, SONAME);
  const bytes = Buffer.allocUnsafeSlow(CHUNK);
  const [input, output] = [bufferOf(), bufferOf()];
  let whole = true;
  return {
    push: (piece, take) => {
      input.set(piece);
      do {
        output.set(bytes);
        const left = library.decompress(stream, output.fields, input.fields);
        if (library.isError(left) !== 0) throw new ZstdError(library.errorName(left));
        // 0 once a frame and all that came of it is told
        whole = Number(left) === 0;
        if (output.position > 0) take(bytes.subarray(0, output.position));
        // a full output may have more behind it, but for the last of a frame
      } while (input.position < piece.length || (output.position === CHUNK && !whole));
    },
    end: () => {
      if (!whole) throw new ZstdError('it ends in the middle of a frame');
    },
    close: () => {
      library.free(stream);
    },
  };
};
