// The entry of the command line: its process, its commands, its exit code.
import { Command, CommanderError } from '@commander-js/extra-typings';
import { benchmarkCommand } from './commands/benchmark.ts';
import { approveCommand, cancelCommand, pauseCommand, resumeCommand, statusCommand } from './commands/control.ts';
import { completionCommand } from './commands/completion.ts';
import { dataCommand } from './commands/data.ts';
import { doctorCommand, packageVersion } from './commands/doctor.ts';
import { exportCommand, reportCommand, selectCommand } from './commands/results.ts';
import { compareCommand, listCommand, showCommand } from './commands/look.ts';
import { planCommand } from './commands/plan.ts';
import { qualityCommand } from './commands/quality.ts';
import { demoCommand, runCommand } from './commands/run.ts';
import { scheduleCommand } from './commands/schedule.ts';
import { setupCommand } from './commands/setup.ts';
import { initCommand, schemaCommand } from './commands/start.ts';
import { storeCommand } from './commands/store.ts';
import { uiCommand } from './commands/ui.ts';
import { workerCommand } from './commands/worker.ts';
import { EXIT, outcomeOf } from './terminal/outcome.ts';
import { endStalled } from './terminal/stalled.ts';

/** The command line as a process: runs it and ends. */
export async function main(argv: readonly string[]): Promise<void> {
  const words = argv.slice(2);
  process.once('beforeExit', () => endStalled(words, process));
  // Temporal's native core may keep the process alive.
  process.exit(await runCommandLine(words));
}

/**
 * Runs one command. Results go to standard output, progress and errors to standard error. Commands declare their words
 * here and import what they do when they do it, so that a light one stays light.
 * @returns the exit code
 */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  const program = commandTree();
  try {
    await program.parseAsync(words, { from: 'user' });
    // A command sets it where it ends without an error and yet is not done.
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    return exitCodeOf(error, program.opts().verbose === true);
  } finally {
    process.exitCode = undefined;
  }
}

function commandTree() {
  const program = new Command('tive')
    .description('selects the most valuable rows of a visual-instruction dataset, as durable Temporal workflows')
    .version(packageVersion())
    .option('--verbose', 'stack traces of errors');
  const commands = [
    initCommand(),
    planCommand(),
    runCommand(),
    demoCommand(),
    benchmarkCommand(),
    statusCommand(),
    pauseCommand(),
    resumeCommand(),
    approveCommand(),
    cancelCommand(),
    listCommand(),
    showCommand(),
    uiCommand(),
    compareCommand(),
    selectCommand(),
    reportCommand(),
    exportCommand(),
    qualityCommand(),
    scheduleCommand(),
    storeCommand(),
    dataCommand(),
    workerCommand(),
    setupCommand(),
    doctorCommand(),
    schemaCommand(),
    completionCommand(() => program),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
    command.exitOverride();
  }
  return program;
}

function exitCodeOf(error: unknown, verbose: boolean): number {
  // commander has already said what is wrong, or printed help or version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.callerMustAct;
  const { exitCode, message } = outcomeOf(error);
  process.stderr.write(`${message}\n`);
  if (verbose && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return exitCode;
}
