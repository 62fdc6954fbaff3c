// `tive completion`: scripts that complete commands in a shell.
import { Argument, Command } from '@commander-js/extra-typings';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';

/** A command by its words, what may follow it, and its options. */
interface CompletedCommand {
  words: string[];
  next: string[];
  options: string[];
  description: string;
}

const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** `tive completion`: a script that lets a shell complete commands and options. */
export function completionCommand(program: () => CommandUnknownOpts) {
  return new Command('completion')
    .description('print a completion script: eval "$(tive completion bash)"')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell) => {
      const commands = commandsOf(program());
      process.stdout.write({ bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands));
    });
}

function commandsOf(command: CommandUnknownOpts, words: string[] = []): CompletedCommand[] {
  const own = {
    words,
    next: [
      ...command.commands.map((one) => one.name()),
      ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    ],
    options: command.options.flatMap(({ long }) => (long ? [long] : [])),
    description: command.description(),
  };
  return [own, ...command.commands.flatMap((one) => commandsOf(one, [...words, one.name()]))];
}

/** Commands have at most two words; files are completed where nothing else fits. */
function bashScript(commands: readonly CompletedCommand[]): string {
  const cases = commands.map(
    ({ words, next, options }) => `    "${words.join(' ')}") found="${[...next, ...options].join(' ')}" ;;`,
  );
  return `# bash completion for tive
_tive() {
  local word="\${COMP_WORDS[COMP_CWORD]}" command="" found="" index=1
  while [ "$index" -lt "$COMP_CWORD" ] && [ "$index" -le 2 ]; do
    case "\${COMP_WORDS[index]}" in -*) break ;; esac
    case " ${twoWords(commands)} " in
      *" $command\${command:+_}\${COMP_WORDS[index]} "*) command="$command\${command:+_}\${COMP_WORDS[index]}" ;;
      *) break ;;
    esac
    index=$((index + 1))
  done
  case "\${command//_/ }" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$found" -- "$word"))
}
complete -o default -F _tive tive
`;
}

function twoWords(commands: readonly CompletedCommand[]): string {
  return commands
    .map(({ words }) => words.join('_'))
    .filter((name) => name !== '')
    .join(' ');
}

function zshScript(commands: readonly CompletedCommand[]): string {
  return `#compdef tive
autoload -U +X bashcompinit && bashcompinit
${bashScript(commands).split('\n').slice(1).join('\n')}`;
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const quote = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = commands.flatMap(({ words, next, options }) => {
    const [first, second] = words;
    const seen = words.length === 0 ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${second ?? first!}`;
    return [
      ...next.map((word) => {
        const about = commands.find((one) => one.words.join(' ') === [...words, word].join(' '))?.description ?? '';
        return `complete -c tive -n ${quote(seen)} -a ${quote(word)} -d ${quote(about)}`;
      }),
      ...options.map((option) => `complete -c tive -n ${quote(seen)} -l ${quote(option.slice(2))}`),
    ];
  });
  return `# fish completion for tive\n${lines.join('\n')}\n`;
}
