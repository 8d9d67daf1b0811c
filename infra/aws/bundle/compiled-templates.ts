/** Stands in for nunjucks's compiler in the bundles: the templates in a package are JavaScript already. */

export function compile(compiled: string): string {
  return compiled;
}
