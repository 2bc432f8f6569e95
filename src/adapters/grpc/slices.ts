import type { SlicePiece as Piece, TreeHead } from '../../engine/ports/proofs.ts';
import { type SlicePiece, sliceParts } from '../../slice/encode.ts';
import { SLICE_FORMAT, type SlicePart } from '../../slice/format.ts';
import { parseCheckpoint } from '../../tlog/checkpoint.ts';
import { parseNote } from '../../tlog/note.ts';

const originOf = (head: TreeHead | undefined): string =>
  parseCheckpoint(parseNote(head?.note ?? '').text).origin;
const base64 = (hashes: readonly Uint8Array[]): string[] =>
  hashes.map((hash) => Buffer.from(hash).toString('base64'));

const pieceOf = (piece: Piece): SlicePiece => {
  if (piece.kind !== 'begin') return piece;
  const { program, hostId, from, to, heads, keys, proof, schema, state, redact, reason } = piece;
  const covering = heads.at(-1);
  return {
    kind: 'begin',
    manifest: {
      format: SLICE_FORMAT,
      program,
      hostId,
      origin: originOf(covering),
      from: Number(from),
      to: Number(to),
      treeSize: Number(covering?.size ?? 0n),
      schema,
      state,
      redact: [...redact],
      ...(reason === undefined ? {} : { reason }),
      heads: heads.map(({ note }) => note),
      keys: [...keys],
      proof: { left: base64(proof.left), right: base64(proof.right) },
    },
  };
};

async function* piecesOf(pieces: AsyncIterable<Piece>): AsyncGenerator<SlicePiece> {
  for await (const piece of pieces) yield pieceOf(piece);
}

/** The files of a slice, each made when the caller has taken the one before. */
export const slicePartsOf = (pieces: AsyncIterable<Piece>): AsyncGenerator<SlicePart> =>
  sliceParts(piecesOf(pieces));
