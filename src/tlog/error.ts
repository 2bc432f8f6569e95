/** What was read is not what a specification says, or does not prove what it should. */
export class TlogError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TlogError';
  }
}
