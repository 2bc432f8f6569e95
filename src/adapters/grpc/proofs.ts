import { position, type Timestamp } from '../../domain/identity.ts';
import type { KeyView, ProofDocument, ProofsApi, TreeHead } from '../../engine/ports/proofs.ts';
import type { Proofs } from '../../gen/shiplog/v1/proofs_pb.ts';
import { atOf, atRequired } from './at.ts';
import type { Service } from './handlers.ts';
import { numberOf } from './parse.ts';
import { slicePartsOf } from './slices.ts';

const headMessage = ({ size, root, time, note }: TreeHead) => ({ size, root, timeUs: BigInt(time), note });
const proofMessage = ({ text, head }: ProofDocument) => ({ text, head: headMessage(head) });
const keysMessage = ({ keys, stopped }: KeyView) => ({
  keys: keys.map(({ vkey, since }) => ({ vkey, sincePosition: BigInt(since) })),
  stopped: stopped ?? '',
});

export const proofsService = (api: ProofsApi): Service<typeof Proofs> => ({
  head: async ({ fresh }) => headMessage(await api.head({ fresh })),
  async *heads({ sinceUs }) {
    const since = sinceUs === undefined ? undefined : (numberOf(sinceUs, 'since_us') as Timestamp);
    for await (const head of api.heads(since)) yield headMessage(head);
  },
  proveEvent: async ({ position: at, size }) =>
    proofMessage(await api.proveEvent(position(at), size === undefined ? undefined : position(size))),
  proveConsistency: async ({ olderSize, newerSize }) =>
    proofMessage(await api.proveConsistency(position(olderSize), position(newerSize))),
  async *tiles() {
    for await (const { path, bytes } of api.tiles()) yield { path, data: bytes };
  },
  async *slice({ from, to, redact }, call) {
    const end = atOf(to);
    const query = { from: atRequired(from), redact, ...(end === undefined ? {} : { to: end }) };
    for await (const { path, bytes } of slicePartsOf(api.slice(query, call))) yield { path, data: bytes };
  },
  keys: async () => keysMessage(api.keys()),
  rotateKey: async (_, call) => keysMessage(await api.rotateKey(call)),
  replaceKey: async (_, call) => keysMessage(await api.replaceKey(call)),
});
