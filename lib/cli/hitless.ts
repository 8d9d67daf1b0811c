#!/usr/bin/env node
/** The command line: `hitless COMMAND`. Results go to standard output, errors and progress to standard error. */

import { createProgram } from './program.ts';

/** A reader such as `head` that has seen enough is no error. */
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit();
  throw error;
});

const words = process.argv.slice(2);
createProgram(words).then((program) => program.parseAsync(words, { from: 'user' }));
