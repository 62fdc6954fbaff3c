// `tive quality`: what a finished run says of every row.
import { join, relative } from 'node:path';
import { Command } from '@commander-js/extra-typings';
import { openStore } from '../../store/open-store.ts';
import type { TaskQuality } from '../export/row-quality.ts';
import { EXPORT_FOLDER } from '../runs/former-result.ts';
import { namedRun } from '../runs/find-run.ts';
import { resultOf } from '../runs/look-at-run.ts';
import { writing } from '../terminal/interrupt.ts';
import { grouped, print, printable } from '../terminal/terminal-text.ts';

export function qualityCommand() {
  return new Command('quality')
    .description('write how hard, how suspect and how often copied every row of a run is, and say it of each task')
    .argument('<run>', 'name of the run, or its folder')
    .option('-o, --output <file>', 'Parquet file to write; without it below the run’s folder')
    .option('--runs <folder>', 'folder of the runs', './runs')
    .option('--json', 'the tasks as JSON')
    .action(async (run, { runs, output, json }) => {
      const named = await namedRun(run, runs);
      const result = await resultOf(named);
      const { QUALITY_COLUMNS, qualityColumns, rowQuality, taskQualities } = await import('../export/row-quality.ts');
      const { writeParquetFile } = await import('../export/parquet-file.ts');
      const store = openStore(result.config.store.uri);
      const target = output ?? join(named.folder.path, EXPORT_FOLDER, 'quality.parquet');
      const quality = await rowQuality(store, result);
      await writing(() => writeParquetFile(target, QUALITY_COLUMNS, qualityColumns(store, result, quality)));
      const count = grouped(quality.rows.rowIndex.length);
      print(taskQualities(quality), json, (tasks) => [
        ...describeTasks(tasks),
        `${relative(process.cwd(), target)}  ${count} rows`,
      ]);
    });
}

/** A line a task: rows, answers less likely than half of chance, rows that are copies, the largest groups of them. */
function describeTasks(tasks: readonly TaskQuality[]): string[] {
  const lines = [
    ['task', 'rows', 'suspect answers', 'near-copies', 'largest groups'],
    ...tasks.map(({ task, rowCount, suspectShare, copyShare, groups }) => [
      printable(task),
      grouped(rowCount),
      suspectShare === null ? 'not known' : percent(suspectShare),
      percent(copyShare),
      groups.map((group) => `${grouped(group.rowCount)} as row ${group.rowIndex}`).join(', '),
    ]),
  ];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 || column === line.length - 1 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
