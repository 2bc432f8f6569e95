import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { OptionsSchema } from '../../gen/containerd/runc/v1/options_pb.ts';

/** Documents of the OCI runtime specification travel as JSON under these names. */
const processType = 'types.containerd.io/opencontainers/runtime-spec/1/Process';
const resourcesType = 'types.containerd.io/opencontainers/runtime-spec/1/LinuxResources';

const json = (typeUrl: string, document: string): Any =>
  create(AnySchema, { typeUrl, value: Buffer.from(document) });

export const processAny = (document: string): Any => json(processType, document);
export const resourcesAny = (document: string): Any => json(resourcesType, document);

/** Options of runc's shim; containerd's registry of types knows the name without a host in front. */
export const runcOptionsAny = (options: {
  binaryName: string;
  root: string;
  shimCgroup: string;
  noNewKeyring: boolean;
  /** Owner of the pipes that the processes write to; the host's root when absent. */
  ioUid?: number;
  ioGid?: number;
}): Any =>
  create(AnySchema, {
    typeUrl: OptionsSchema.typeName,
    value: toBinary(OptionsSchema, create(OptionsSchema, options)),
  });

export interface CompleteOptions {
  readonly any: Any;
  readonly binaryName: string;
  readonly root: string;
  /** Folder with images of processes to go on from, where the options name one. */
  readonly images: string | undefined;
}

/**
 * A client's options for runc's shim, with what is ours to say where the client says nothing: which runc, and where it
 * keeps its state. Options of another type are another shim's, and stay as they are.
 */
export const completedOptions = (given: Any, ours: { binaryName: string; root: string }): CompleteOptions => {
  if (!given.typeUrl.endsWith(OptionsSchema.typeName)) return { any: given, images: undefined, ...ours };
  const options = fromBinary(OptionsSchema, given.value);
  const binaryName = options.binaryName || ours.binaryName;
  const root = options.root || ours.root;
  const value = toBinary(OptionsSchema, { ...options, binaryName, root });
  const images = options.criuImagePath || undefined;
  return { any: create(AnySchema, { typeUrl: given.typeUrl, value }), binaryName, root, images };
};

/** Whether options name a control group for the shim, or may: those of other types are for the shim to read. */
export const mayPlaceShim = ({ typeUrl, value }: Any): boolean =>
  !typeUrl.endsWith(OptionsSchema.typeName) || fromBinary(OptionsSchema, value).shimCgroup !== '';

export const anyBytes = (any: Any): Uint8Array => toBinary(AnySchema, any);

/** Other shims (kata, wasm) take options of their own, so runc's go to runc's shim alone. */
export const takesRuncOptions = (shimBinary: string): boolean =>
  /\/containerd-shim-runc-v\d+$/.test(shimBinary);
