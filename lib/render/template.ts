/** A Jinja2-compatible template to text, with nunjucks. */

import nunjucks from 'nunjucks';
import { TemplateInvalid } from './template-invalid.ts';

/** What a template sees: names to texts, or to tables of texts. */
export type TemplateVariables = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

/**
 * No loaders: a template is one text and cannot include files. Nothing is escaped: it is no HTML. Putting out a
 * variable that does not exist is an error.
 */
const environment = new nunjucks.Environment([], { autoescape: false, throwOnUndefined: true });

/**
 * @returns the text, ending with exactly one newline.
 * @throws TemplateInvalid when the template has a mistake or uses an unknown variable.
 */
export function renderTemplate(
  template: { readonly path: string; readonly text: string },
  variables: TemplateVariables,
): string {
  try {
    const text = new nunjucks.Template(template.text, environment, template.path, true).render(variables);
    return `${text.replace(/\s+$/, '')}\n`;
  } catch (error) {
    throw templateInvalid(template.path, error, Object.keys(variables));
  }
}

/**
 * The JavaScript that nunjucks makes of a template: for a place where its compiler is not, as in a package.
 *
 * @throws TemplateInvalid when the template has a mistake; whether its variables exist is seen when it is rendered.
 */
export function compileTemplate(template: { readonly path: string; readonly text: string }): string {
  try {
    return nunjucks.precompileString(template.text, {
      ...{ name: template.path, env: environment },
      // Its types speak of one template, it gives a list of one (3.2.4).
      wrapper: (templates) =>
        [templates]
          .flat()
          .map((one) => one.template)
          .join(''),
    });
  } catch (error) {
    throw templateInvalid(template.path, error, []);
  }
}

/** nunjucks tells the line in its message alone: `(path) [Line 3, Column 1]\n  what is wrong`. */
function templateInvalid(path: string, error: unknown, known: readonly string[]): TemplateInvalid {
  const message = error instanceof Error ? error.message : String(error);
  const line = /\[Line (\d+)(?:, Column \d+)?\]/.exec(message)?.[1];
  const problem = message
    .split('\n')
    .at(-1)
    ?.trim()
    .replace(/^Error: /, '');
  if (problem === undefined || problem === '') return new TemplateInvalid(path, null, message, error);
  const number = line === undefined ? null : Number(line);
  if (problem === 'attempted to output null or undefined value') {
    return new TemplateInvalid(path, number, `unknown variable, known are ${known.join(', ')}`, error);
  }
  // Measured with nunjucks 3.2.4: of a call it tells the line counted from 0.
  const counted = problem.startsWith('Unable to call') && number !== null ? number + 1 : number;
  return new TemplateInvalid(path, counted, problem, error);
}
