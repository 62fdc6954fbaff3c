// What commands that run recipes share: their defaults, and how they end.
import type { Command, OptionValues } from '@commander-js/extra-typings';
import { printable } from '../terminal/terminal-text.ts';

export const HEARTBEAT_TIMEOUT_SECONDS = 120;

/** Warnings that a command prints at its end. */
const SHOWN_WARNINGS = 8;

/** What the stages warned of, a slow engine among it: the report lists all. */
export function warningLines(warnings: readonly string[]): string[] {
  const each = [...new Set(warnings)].map((text) => `warning: ${printable(text)}`);
  const more = each.length - SHOWN_WARNINGS;
  return more > 0 ? [...each.slice(0, SHOWN_WARNINGS), `warning: and ${more} more, in the report`] : each;
}

/** Where commands look for a run that no folder of this machine knows. */
export function withPlaces<Args extends unknown[], Options extends OptionValues>(command: Command<Args, Options>) {
  return command
    .option('--runs <folder>', 'folder of the runs', './runs')
    .option('--address <host:port>', 'Temporal server of a cluster')
    .option('--namespace <name>', 'Temporal namespace of the cluster')
    .option('--store <uri>', 'a folder or s3://bucket/prefix, for runs whose results lie there');
}
