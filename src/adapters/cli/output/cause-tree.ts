import type { CauseNode } from '../../../gen/shiplog/v1/time_pb.ts';
import { actorText, eventRow } from './event-rows.ts';
import type { Paint } from './paint.ts';
import { printable } from './units.ts';

export const causeRow = (node: CauseNode) => ({
  Depth: node.depth,
  Part: node.part,
  Left: node.left,
  Event: node.event ? eventRow(node.event) : null,
});

interface Branch {
  readonly node: CauseNode;
  readonly effects: Branch[];
}

/** The tree that a list of nodes with depths stands for. */
const branchesOf = (nodes: readonly CauseNode[]): readonly Branch[] => {
  const roots: Branch[] = [];
  const open: Branch[] = [];
  for (const node of nodes) {
    const branch: Branch = { node, effects: [] };
    open.length = node.depth;
    (open.at(-1)?.effects ?? roots).push(branch);
    open.push(branch);
  }
  return roots;
};

/** Who did it, where that is somebody else than before. */
const headOf = (node: CauseNode, above: CauseNode | undefined): string => {
  const { event } = node;
  if (!event) return '';
  const who = actorText(event);
  if (above?.event && who === actorText(above.event)) return '';
  return ` (${who}${event.reason ? `; why: ${event.reason}` : ''})`;
};

const label = (node: CauseNode, above: CauseNode | undefined, asked: bigint, paint: Paint): string => {
  const { event } = node;
  if (!event) return '';
  const text = printable(
    `${event.position} ${node.part} ${event.subject} ${event.type}${event.summary ? `: ${event.summary}` : ''}` +
      headOf(node, above),
  );
  return event.position === asked ? paint('bold', `${text}  ◀ asked`) : text;
};

/** Each event below what led to it. Steps of one chain stand below one another, so that long chains stay narrow. */
export const causeTree = (nodes: readonly CauseNode[], asked: bigint, paint: Paint): string => {
  const lines: string[] = [];
  const draw = (
    branch: Branch,
    above: CauseNode | undefined,
    lead: string,
    last: boolean,
    root: boolean,
  ): void => {
    const { node, effects } = branch;
    const { event } = node;
    const when = root && event ? `${eventRow(event).Time} ` : '';
    lines.push(`${root ? '' : `${lead}${last ? '└─ ' : '├─ '}`}${when}${label(node, above, asked, paint)}`);
    const inner = root ? '' : `${lead}${last ? '   ' : '│  '}`;
    for (const [at, effect] of effects.entries()) {
      draw(effect, node, inner, at === effects.length - 1 && node.left === 0, false);
    }
    if (node.left > 0) lines.push(`${inner}└─ … and ${node.left} more`);
  };
  for (const branch of branchesOf(nodes)) draw(branch, undefined, '', true, true);
  return lines.map((line) => `${line}\n`).join('');
};
