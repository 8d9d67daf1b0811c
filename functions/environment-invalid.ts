/** A variable of the environment is missing or unusable. Trying again helps only after a new deployment. */
export class EnvironmentInvalid extends Error {
  override readonly name = 'EnvironmentInvalid';
  readonly code = 'ENVIRONMENT_INVALID';
  readonly variable: string;

  constructor(variable: string, problem: string) {
    super(`${variable} ${problem}`);
    this.variable = variable;
  }
}
