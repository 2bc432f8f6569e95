/** Thrown where a layer can't be unpacked without those beneath it, and they aren't known yet. */
export class NeedsParentsSignal extends Error {
  constructor() {
    super('the layer leaves out directories or link targets that lie beneath it');
    this.name = 'NeedsParentsSignal';
  }
}
