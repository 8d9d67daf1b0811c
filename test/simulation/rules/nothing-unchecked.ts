import { targetOf } from '../haproxy-process.ts';
import type { Rule } from '../rules.ts';
import { readServerLines } from '../server-lines-of.ts';

const NAME = '[A-Za-z0-9_.:-]+';
/** Addresses of the simulation: those that may serve, and the placeholder. */
const ADDRESS = '(?:10\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}|2001:db8::[0-9a-f]{1,4}|0\\.0\\.0\\.0)';
const ALLOWED = [
  /^prompt$/,
  /^show info$/,
  /^show cli level$/,
  new RegExp(`^show servers (?:state|conn)(?: ${NAME})?$`),
  new RegExp(`^show stat (?:${NAME}|-1) 4 -1$`),
  new RegExp(`^set server ${NAME}/${NAME} addr ${ADDRESS} port [1-9]\\d{0,4}$`),
  new RegExp(`^set server ${NAME}/${NAME} state (?:ready|drain|maint)$`),
  new RegExp(`^set server ${NAME}/${NAME} weight (?:\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-6])$`),
  new RegExp(`^add server ${NAME}/${NAME} ${ADDRESS}:[1-9]\\d{0,4} [a-z0-9 -]+$`),
  new RegExp(`^(?:del server|enable health|enable agent|enable server) ${NAME}/${NAME}$`),
];

export const nothingUnchecked: Rule = {
  number: 6,
  name: 'nothing-unchecked',
  sentence:
    'Only known commands with checked names, addresses, ports and weights reach an HAProxy, and only such servers are in a configuration file.',

  watch({ fleet }, violated) {
    const allowed = new RegExp(`^${ADDRESS}$`);
    return {
      received({ instance }, line) {
        if (!ALLOWED.some((form) => form.test(line)))
          violated(`${instance.name} was sent ${JSON.stringify(line)}`);
      },

      written({ key, body }) {
        if (!key.endsWith('/haproxy.cfg')) return;
        const known = new Set(fleet.backends.map(({ backend }) => backend));
        for (const line of readServerLines(body)) {
          const { address, port, backend, name } = line;
          if (!known.has(backend) || !allowed.test(address) || port < 1 || port > 65_535)
            violated(`${key} has the server ${backend}/${name} at ${targetOf(line)}`);
        }
      },
    };
  },
};
