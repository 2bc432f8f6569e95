import type { AnyValue } from '../../domain/any-value.ts';

/** Images of processes on their way between a shim's folder and the content store. */
export interface ProcessImages {
  /** Makes an empty folder that nobody else can read: images hold the memory of processes. */
  make(): Promise<string>;
  /** The files of a folder as one archive. */
  pack(folder: string): AsyncIterable<Uint8Array>;
  /** Puts the files of an archive into a folder. @throws Rejection `invalid-argument` for an archive that can't be one */
  unpack(archive: AsyncIterable<Uint8Array>, folder: string): Promise<void>;
  remove(folder: string): Promise<void>;
  /** A container's specification in the form that stands beside its images. */
  configuration(spec: AnyValue): Uint8Array;
}
