import { DIGIT_SIDE, GARMENT_SIDE, splitSources, type PictureFile, type Sources } from '../../examples/demo/sources.ts';

/** Grey of every pixel of a synthetic picture with a label: above every background, a step of 10 for each label. */
export function greyOfLabel(label: number): number {
  return 100 + 10 * label;
}

/** Sources of the real sizes whose pictures are even and show their label by their grey. */
export function syntheticSources(): Sources {
  return splitSources({
    garmentsTrain: evenPictures(43_000, GARMENT_SIDE),
    garmentsTest: evenPictures(1000, GARMENT_SIDE),
    digits: evenPictures(1797, DIGIT_SIDE),
  });
}

function evenPictures(count: number, side: number): PictureFile {
  const labels = Uint8Array.from({ length: count }, (_, number) => (number * 7) % 10);
  const pixels = new Uint8Array(count * side * side);
  labels.forEach((label, number) => pixels.fill(greyOfLabel(label), number * side * side, (number + 1) * side * side));
  return { side, pixels, labels };
}
