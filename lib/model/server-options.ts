/**
 * The `options` of a backend: the rest of a HAProxy server line, the same for all slots but for `{{ server }}`.
 *
 * It is written into the configuration file and into `add server`, so it must stay on its line and leave alone what
 * Hitless sets. How a line is cut into words: HAProxy configuration.txt 2.2 "Quoting and escaping".
 */

const SLOT_NAME = /\{\{-?\s*server\s*-?\}\}/g;
/** HAProxy's line buffer holds 2,048 bytes in 2.2; name, address and weight need some of it. */
const LONGEST_OPTIONS = 1000;

/** Words of a server line that Hitless writes itself, and what to do instead. */
const MANAGED = new Map([
  ['disabled', 'Hitless disables the slots that nobody uses'],
  ['enabled', 'Hitless enables the slots that serve'],
  ['weight', 'use `weights: true`, or `default-server weight N` in the template'],
  ['id', 'all slots would have the same one'],
]);

/** The options of the slot called `slot`. */
export function optionsOf(options: string, slot: string): string {
  return options.replaceAll(SLOT_NAME, slot);
}

/**
 * Why `options` cannot be the rest of a server line, as a sentence for an operator; undefined when it can.
 *
 * Refused: control characters, a comment, an open quote, a backslash at the end, templating other than
 * `{{ server }}`, a second address, and words that Hitless manages. Whether HAProxy knows the other words is for
 * `haproxy -c` to say. Empty: allowed.
 */
export function whyNotOptions(options: string): string | undefined {
  if (options.length > LONGEST_OPTIONS) return `is longer than ${LONGEST_OPTIONS} characters`;
  if (/[\n\r]/.test(options)) return 'must be one line';
  if (/[^\P{Cc}\t]/u.test(options)) return 'has a control character';
  const expanded = optionsOf(options, 'slot');
  const template = /\{\{|\{%|\{#/.exec(expanded);
  if (template !== null) return `has \`${template[0]}\`, only \`{{ server }}\` can be used here`;
  const words = serverLineWords(expanded);
  if (typeof words === 'string') return words;
  const [first] = words;
  if (first !== undefined && !/^[a-z][a-z0-9-]*$/.test(first)) {
    return `must begin with a keyword such as check or cookie, not with ${JSON.stringify(first)}`;
  }
  const managed = words.find((word) => MANAGED.has(word));
  return managed === undefined ? undefined : `must not have \`${managed}\`: ${MANAGED.get(managed)}`;
}

/**
 * The same options in the only form in which they may go into a Runtime API command: plain words, one space between.
 *
 * Quotes have no meaning there, and a backslash, `;`, `<<`, a NUL and a newline have too much (measured on 2.2 to 3.2);
 * `"${NAME}"` would not be replaced. So what needs any of these is refused, never escaped.
 *
 * @param options of one slot, as `optionsOf` gives them; ones that `whyNotOptions` refuses are refused here too.
 */
export function plainOptions(options: string): readonly string[] | { readonly refused: string } {
  const words = serverLineWords(options);
  if (typeof words === 'string') return { refused: `\`options\` ${words}` };
  const odd = words.find((word) => !isPlainWord(word));
  return odd === undefined ? words : { refused: `\`options\` have ${JSON.stringify(odd)}` };
}

/** Whether `word` means itself in a configuration file and in a Runtime API command. Empty: no. */
export function isPlainWord(word: string): boolean {
  return /^[A-Za-z0-9_.,:/@%+=()[\]{}*!~^?&|-]+$/.test(word);
}

/** The words as HAProxy reads them, quotes resolved; or why the line would not end where it seems to. */
function serverLineWords(text: string): string[] | string {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charAt(at);
    if (char === '\\' && quote !== "'") {
      at += 1;
      if (at === text.length) return 'ends with a backslash, which would continue the line';
      word = (word ?? '') + text.charAt(at);
    } else if (quote !== '' ? char === quote : char === '"' || char === "'") {
      quote = quote === '' ? char : '';
      word ??= '';
    } else if (quote === '' && (char === ' ' || char === '\t')) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === '' && char === '#') {
      return 'has a `#`, which would make the rest of the line a comment (quote it)';
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== '') return `has an open quote (${quote})`;
  if (word !== undefined) words.push(word);
  return words;
}
