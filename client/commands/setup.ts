// `tive setup`: what is made on this machine ahead of its first use.
import { Command } from '@commander-js/extra-typings';

/** `tive setup torch`: the Python environment of the torch engine. */
export function setupCommand() {
  const command = new Command('setup').description('make ready what not every run needs');
  command.addCommand(
    new Command('torch').description('the torch engine: a Python environment in the cache, once').action(async () => {
      const { setUpTorch } = await import('../../setup/torch.ts');
      const { torchText } = await import('../../setup/torch-python.ts');
      const torch = await setUpTorch((text) => void process.stderr.write(`${text}\n`));
      process.stdout.write(`torch ${torchText(torch)}\n`);
    }),
  );
  return command;
}
