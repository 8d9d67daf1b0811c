/** Colours, on a terminal only and not when NO_COLOR is set: `styleText` looks at both. */

import { styleText } from 'node:util';

type Paint = (text: string) => string;

function paint(format: Parameters<typeof styleText>[0]): Paint {
  return (text) => styleText(format, text, { stream: process.stdout });
}

export const good = paint('green');
export const bad = paint('red');
export const notable = paint('yellow');
export const faint = paint('dim');
export const strong = paint('bold');
