/** The error of a template that does not make a configuration. */

/** The template cannot be used for this fleet. Trying again helps only after somebody changed it. */
export class TemplateInvalid extends Error {
  override readonly name = 'TemplateInvalid';
  readonly code = 'TEMPLATE_INVALID';
  readonly template: string;
  /** Counted from 1; null where the template library does not tell. */
  readonly line: number | null;
  readonly problem: string;

  constructor(template: string, line: number | null, problem: string, cause?: unknown) {
    super(`${line === null ? template : `${template}:${line}`}: ${problem}`, { cause });
    this.template = template;
    this.line = line;
    this.problem = problem;
  }
}
