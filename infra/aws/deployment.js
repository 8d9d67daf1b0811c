/** For osls, which knows no TypeScript but loads what Node.js does. */
export { deployment as 'module.exports' } from './deployment.ts';
