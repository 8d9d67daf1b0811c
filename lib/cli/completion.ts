/** `hitless completion SHELL`: a script by which a shell completes commands and options, from the commands themselves. */

import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

const HELP = `
The script asks this very program what may come next, so it stays right when the program is replaced.

Examples:
  # hitless completion bash > /etc/bash_completion.d/hitless
  # hitless completion zsh > /usr/local/share/zsh/site-functions/_hitless
  $ hitless completion fish > ~/.config/fish/completions/hitless.fish
`;

/** @param program with all of its commands: those that are added later are not completed. */
export function addCompletion(program: Command): void {
  tab(program, { completionCommandName: 'completion' });
  const command = program.commands.find((one) => one.name() === 'completion');
  command
    ?.summary('print a script that completes in bash, zsh or fish')
    .description('Prints a script by which a shell completes commands and options.')
    .addHelpText('after', HELP);
}
