/** For serverless-esbuild, which knows no TypeScript but loads what Node.js does. */
export { bundleOptions as 'module.exports' } from './bundle/options.ts';
