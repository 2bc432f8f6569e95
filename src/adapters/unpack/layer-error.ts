/** What is wrong with a layer itself; becomes a Rejection `failed-precondition`. */
export class LayerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LayerError';
  }
}

/** A name of bytes (latin1) for a message, bounded. */
export const shownName = (name: string): string => {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};
