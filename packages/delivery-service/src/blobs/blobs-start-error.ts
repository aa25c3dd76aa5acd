/** Why blobs can't be kept where they should be. The code is stable; the sentence is for whoever runs the relay. */
export class BlobsStartError extends Error {
  readonly code = "BLOBS_UNUSABLE";

  constructor(directory: string, options?: ErrorOptions) {
    super(`The directory of blobs ${directory} can't be written to.`, options);
    this.name = "BlobsStartError";
  }
}
