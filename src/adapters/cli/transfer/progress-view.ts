import type { TransferItem } from '../../../gen/shiplog/v1/images_pb.ts';

/** Shows how far each part of a pull or push is. */
export interface ProgressView {
  item(item: TransferItem): Promise<void>;
  /** Leaves the terminal in order, whether the transfer succeeded or not. */
  stop(): void;
}

/** docker's words for the states of a layer. */
export const stateWords: Readonly<Record<string, string>> = {
  waiting: 'Waiting',
  exists: 'Already exists',
  downloading: 'Downloading',
  downloaded: 'Download complete',
  extracting: 'Extracting',
  extracted: 'Pull complete',
  uploading: 'Pushing',
  uploaded: 'Pushed',
  mounted: 'Mounted from another repository',
};
