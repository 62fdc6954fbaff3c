// What was done to further copies of rows, for the report: counts, and a changed picture of each kind.
import { PICTURE_OPERATIONS } from '../../contracts/augmentation.ts';
import type { Config } from '../../contracts/config.ts';
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { SelectionResult } from '../../contracts/messages/selection.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { CopiesSummary, CopyExample } from '../../contracts/summary.ts';
import { pictureChanger } from '../../dataset/images/change-picture.ts';
import type { ChangePicture } from '../../dataset/images/change-picture.ts';
import { decodeImage } from '../../dataset/images/image-decode.ts';
import { isRejection } from '../../dataset/rows/row-outcome.ts';
import type { Store } from '../../store/store.ts';
import { copiesTable } from '../../tables/copies.ts';
import type { Pulse } from '../shared/heartbeat.ts';
import { thumbnailOfPicture, withRows } from './example-rows.ts';
import type { ReportRow } from './example-rows.ts';

/** A copy that is shown, before its pictures are made. */
type ShownCopy = Omit<CopyExample, 'parent' | 'changed'>;

/** Counts and pictures of a selection's copies; null where it has none that could be changed. */
export async function summarizeCopies(
  store: Store,
  { selection, copies }: SelectionResult,
  rows: ArtifactReference,
  { dataset, model, report }: Pick<Config, 'dataset' | 'model' | 'report'>,
  openStore: (uri: string) => Store,
  pulse: Pulse,
): Promise<CopiesSummary | null> {
  if (copies === undefined) return null;
  const shown = report.thumbnails ? await firstOfEach(store, selection) : [];
  const wanted = new Set(shown.map(({ rowIndex }) => rowIndex));
  const change = pictureChanger(model.path);
  const examples = await withRows(store, rows, wanted, dataset, openStore, pulse, async (read) => {
    const made: CopyExample[] = [];
    for (const copy of shown) {
      const example = await exampleOf(copy, await read(copy.rowIndex), change);
      if (example !== null) made.push(example);
      await pulse.pause();
    }
    return made;
  });
  return { tasks: copies, examples };
}

/** The first copy of each operation, in the order of the operations. */
async function firstOfEach(store: Store, selection: ArtifactReference): Promise<ShownCopy[]> {
  const found = new Map<string, ShownCopy>();
  for await (const { rowIndex, task, copy, operation, parameter } of copiesTable.readIfThere(store, selection)) {
    for (const name of PICTURE_OPERATIONS) {
      const row = operation.indexOf(name);
      if (row < 0 || found.has(name)) continue;
      const [index, number] = [rowIndex[row]!, copy[row]!];
      found.set(name, { task: task[row]!, rowIndex: index, copy: number, operation: name, parameter: parameter[row]! });
    }
  }
  return PICTURE_OPERATIONS.flatMap((name) => found.get(name) ?? []);
}

/** Null where the picture, or the model's folder with the colour of a border, is not to be had any more. */
async function exampleOf(copy: ShownCopy, row: ReportRow | null, change: ChangePicture): Promise<CopyExample | null> {
  const bytes = row === null ? null : await row.picture();
  const picture = bytes === null ? null : await decodeImage(bytes);
  if (picture === null || isRejection(picture)) return null;
  try {
    const changed = await thumbnailOfPicture(await change(picture, copy));
    return { ...copy, parent: await thumbnailOfPicture(picture), changed };
  } catch (error) {
    if (error instanceof InvalidConfigError) return null;
    throw error;
  }
}
