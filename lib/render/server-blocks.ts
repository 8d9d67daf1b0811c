/**
 * Server lines as variables of a template, and back out of the rendered text.
 *
 * In the template each block begins with a mark. Afterwards the mark tells that the block is there, whether it
 * stands on a line of its own (whose indentation it replaces by its own), and in which section of the configuration.
 */

import type { TemplateVariables } from './template.ts';
import { TemplateInvalid } from './template-invalid.ts';

export interface ServerBlock {
  readonly backend: string;
  /** Its server lines. */
  readonly lines: string;
}

/** A noncharacter of Unicode: no text that means something has it. */
const MARK = '\uFDD0';
const BLOCK_START = new RegExp(`^(.*?)${MARK}(\\d+)${MARK}`);
/** Every other section is none that could have servers of a backend of ours. */
const SECTION =
  /^(?:global|defaults|frontend|backend|listen|peers|resolvers|mailers|userlist|program|cache|ring|http-errors|log-forward|fcgi-app)\b/;

/**
 * `backends_NAME` for each backend, as in the article; where NAME is no word of a template (`be-x`, `be.x`), also
 * with `_` in place of what is not, unless two backends would share it; and `backends['NAME']` for all.
 */
export function blockVariables(blocks: readonly ServerBlock[]): TemplateVariables {
  const marked = blocks.map(({ backend, lines }, index) => ({
    backend,
    word: wordFor(backend),
    value: `${MARK}${index}${MARK}${lines}`,
  }));
  const usable = marked.filter(
    ({ backend, word }) =>
      wordFor(backend) === `backends_${backend}` ||
      marked.filter((other) => other.word === word).length === 1,
  );
  return {
    ...Object.fromEntries(usable.map(({ word, value }) => [word, value])),
    backends: Object.fromEntries(marked.map(({ backend, value }) => [backend, value])),
  };
}

function wordFor(backend: string): string {
  return `backends_${backend.replaceAll(/\W/g, '_')}`;
}

/**
 * The rendered text without the marks, and which blocks are not in it.
 *
 * @param optional backends whose block need not be there.
 * @throws TemplateInvalid when a block is missing, is not at the beginning of its line, or is in the section of
 *   another backend. A text without sections (a part of a configuration) is not looked at for that.
 */
export function placedBlocks(
  template: string,
  blocks: readonly ServerBlock[],
  rendered: string,
  optional: ReadonlySet<string> = new Set(),
): { readonly text: string; readonly absent: ReadonlySet<string> } {
  const missing = new Set(blocks.map(({ backend }) => backend));
  let section = '';
  const lines = rendered.split('\n').map((line) => {
    const words = line.trim();
    if (SECTION.test(words)) section = words;
    const [found, before, index] = BLOCK_START.exec(line) ?? [];
    const block = blocks[Number(index)];
    if (found === undefined || block === undefined) return line;
    const rest = line.slice(found.length);
    if (before?.trim() !== '' || rest.includes(MARK)) {
      throw new TemplateInvalid(template, null, `the servers of ${block.backend} need a line of their own`);
    }
    if (section !== '' && !isSectionOf(section, block.backend)) {
      throw new TemplateInvalid(
        template,
        null,
        `the servers of ${block.backend} are in the section \`${section}\``,
      );
    }
    missing.delete(block.backend);
    return rest;
  });
  const first = [...missing].find((backend) => !optional.has(backend));
  if (first !== undefined) {
    throw new TemplateInvalid(
      template,
      null,
      `has no servers of ${first}: put {{ ${nameFor(first)} }} into its backend`,
    );
  }
  return { text: lines.join('\n'), absent: missing };
}

function isSectionOf(section: string, backend: string): boolean {
  const [kind, name] = section.split(/\s+/);
  return (kind === 'backend' || kind === 'listen') && name?.replaceAll(/["']/g, '') === backend;
}

function nameFor(backend: string): string {
  return wordFor(backend) === `backends_${backend}` ? wordFor(backend) : `backends['${backend}']`;
}
