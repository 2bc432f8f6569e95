/** What is wrong with a tree, or happens to it while it is read; `code` becomes that of a Rejection. */
export class DiffError extends Error {
  readonly code: 'failed-precondition' | 'aborted';
  constructor(code: DiffError['code'], message: string) {
    super(message);
    this.name = 'DiffError';
    this.code = code;
  }
}

/** A name of bytes (latin1) for a message, bounded. */
export const shownName = (name: string): string => {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};
