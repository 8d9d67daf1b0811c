/**
 * What each release answers to one line of a Runtime API conversation: the words were recorded from real ones
 * (test/fixtures/runtime-api), and a test holds both to the same conversation.
 */

import { isIP } from 'node:net';
import { adminWord, type Hand, type HaproxyProcess, type SimulatedServer } from './haproxy-process.ts';

const STATE_COLUMNS =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord';
const NEWER_COLUMNS = ' srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port';

/** @returns all that comes before the prompt. */
export function answerTo(process: HaproxyProcess, line: string, hand: Hand): string {
  const words = line.split(' ').filter((word) => word !== '');
  if (words[0] === 'set' && words[1] === 'server') return setServer(process, words, hand, line);
  if (process.release !== '2.2' && words[0] === 'add') return addServer(process, words);
  if (process.release !== '2.2' && words[0] === 'del') return deleteServer(process, words);
  if (words[0] === 'enable') return enableHealth(process, words);
  switch (line) {
    case 'prompt':
      return '';
    case 'show info':
      return showInfo(process);
    case 'show cli level':
      return 'admin\n';
    case 'show servers state':
      return showServersState(process, process.backends());
  }
  const [first, second, third, backend = ''] = words;
  if (first === 'show' && second === 'servers' && third === 'state') {
    if (process.servers(backend) === undefined) return "Can't find backend.\n";
    return showServersState(process, [backend]);
  }
  if (first === 'show' && second === 'servers' && third === 'conn') return showConnections(process, backend);
  if (first === 'show' && second === 'stat') return showStat(process, third ?? '');
  return unknownCommand(process, words[0] ?? '');
}

function setServer(process: HaproxyProcess, words: readonly string[], hand: Hand, line: string): string {
  const [, , reference = '', what, value = '', ...rest] = words;
  const [backend = '', name = ''] = reference.split('/');
  if (process.servers(backend) === undefined) return 'No such backend.\n';
  const server = process.server(backend, name);
  if (server === undefined) return 'No such server.\n';
  let reply = '';
  process.change(server, hand, line, () => {
    if (what === 'state') reply = setState(process, server, value);
    else if (what === 'weight') reply = setWeight(process, server, value);
    else if (what === 'addr') reply = setAddress(process, server, value, rest);
  });
  return reply;
}

function setState(process: HaproxyProcess, server: SimulatedServer, value: string): string {
  if (value !== 'ready' && value !== 'drain' && value !== 'maint')
    return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n";
  process.setState(server, value);
  return '';
}

function setWeight(process: HaproxyProcess, server: SimulatedServer, value: string): string {
  if (!/^\d+$/.test(value)) {
    const words = 'Empty weight string empty or preceded by garbage';
    return process.asynchronous ? `${words}\n` : words;
  }
  if (Number(value) > 256) return 'Absolute weight can only be between 0 and 256 inclusive.\n';
  server.weight = Number(value);
  return '';
}

function setAddress(
  process: HaproxyProcess,
  server: SimulatedServer,
  address: string,
  rest: readonly string[],
): string {
  const by = " by 'stats socket command'";
  if (isIP(address) === 0) return `Invalid addr '${address}'${process.asynchronous ? '' : by}\n`;
  const text = rest[1] ?? '';
  const problem = /^\d/.test(text) ? null : `problem converting port '${text}' to an int`;
  if (problem !== null && process.asynchronous) return `${problem}\n`;
  const port = problem === null ? Number.parseInt(text, 10) % 65_536 : server.port;
  const ip = address === server.address ? null : `IP changed from '${server.address}' to '${address}'`;
  const moved = port === server.port ? null : `port changed from '${server.port}' to '${port}'`;
  process.setAddress(server, address, port);
  if (process.asynchronous) {
    const changes = [ip, moved].filter((change) => change !== null);
    return changes.length === 0 ? 'nothing changed\n' : `${changes.join(', ')}${by}\n`;
  }
  const aboutPort = problem ?? moved ?? 'no need to change the port';
  return `${ip ?? 'no need to change the addr'}, ${aboutPort}${by}\n`;
}

/** `add server b/s 1.2.3.4:80 … weight 1 id 4` */
function addServer(process: HaproxyProcess, words: readonly string[]): string {
  const [, , reference = '', at = '', ...options] = words;
  const [backend = '', name = ''] = reference.split('/');
  const servers = process.servers(backend);
  if (servers === undefined) return `No such backend.${endOf(process)}`;
  if (process.release === '2.6' && options.includes('cookie'))
    return "'cookie' option is not accepted for dynamic server\n";
  const id = numberAfter('id', options);
  const same = servers.find((server) => server.id === id);
  if (same !== undefined) return `'id' : custom id ${id} already used at (null):0 ('server ${same.name}').\n`;
  if (process.server(backend, name) !== undefined)
    return 'Already exists a server with the same name in backend.\n';
  const [, six, four, port] = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(at) ?? [];
  const place = { address: six ?? four ?? '', port: Number(port) };
  process.add({ backend, name, id, ...place, weight: numberAfter('weight', options) });
  return 'New server registered.\n';
}

function numberAfter(word: string, words: readonly string[]): number {
  return Number(words[words.lastIndexOf(word) + 1]);
}

/** 2.6 leaves a newline out after some of its messages. */
function endOf(process: HaproxyProcess): string {
  return process.asynchronous ? '\n' : '';
}

function deleteServer(process: HaproxyProcess, words: readonly string[]): string {
  const [backend = '', name = ''] = (words[2] ?? '').split('/');
  if (process.servers(backend) === undefined) return `No such backend.${endOf(process)}`;
  const server = process.server(backend, name);
  if (server === undefined) return `No such server.${endOf(process)}`;
  if (adminWord(server.admin) !== 'maint')
    return `Only servers in maintenance mode can be deleted.${endOf(process)}`;
  if (server.connections.length > 0)
    return `Server still has connections attached to it, cannot remove it.${endOf(process)}`;
  process.remove(server);
  return `Server deleted.${endOf(process)}`;
}

function enableHealth(process: HaproxyProcess, words: readonly string[]): string {
  const [backend = '', name = ''] = (words[2] ?? '').split('/');
  if (process.servers(backend) === undefined) return 'No such backend.\n';
  const server = process.server(backend, name);
  if (server === undefined) return 'No such server.\n';
  server.checked = true;
  return '';
}

function showInfo(process: HaproxyProcess): string {
  const uptime = Math.floor((process.time.elapsedMs - process.startedMs) / 1000);
  return [
    'Name: HAProxy',
    `Version: ${process.release}.12-1`,
    'Nbthread: 2',
    `Pid: ${process.shownPid}`,
    `Uptime_sec: ${uptime}`,
    ...(process.release === '2.2' ? [] : [`Start_time_sec: ${process.startedAtSeconds}`]),
    '',
  ].join('\n');
}

function showServersState(process: HaproxyProcess, backends: readonly string[]): string {
  const columns = process.release === '2.2' ? STATE_COLUMNS : STATE_COLUMNS + NEWER_COLUMNS;
  const lines = backends.flatMap((backend, index) =>
    (process.servers(backend) ?? []).map((server) => stateLine(process, server, index + 3)),
  );
  return `1\n${columns}\n${lines.map((line) => `${line}\n`).join('')}`;
}

function stateLine(process: HaproxyProcess, server: SimulatedServer, backendId: number): string {
  const { backend, id, name, address, admin, weight, configuredWeight, port } = server;
  const operational = adminWord(admin) === 'maint' ? 0 : 2;
  const since = Math.floor(process.time.elapsedMs / 1000);
  const newer = process.release === '2.2' ? '' : ' 0 0 - - 0';
  const checks = server.checked ? 6 : 2;
  const forced = server.added ? 1 : 0;
  return `${backendId} ${backend} ${id} ${name} ${address} ${operational} ${admin} ${weight} ${configuredWeight} ${since} 1 0 0 ${checks} 0 0 ${forced} - ${port} -${newer}`;
}

function showConnections(process: HaproxyProcess, backend: string): string {
  const servers = process.servers(backend);
  if (servers === undefined) return "Can't find backend.\n";
  const lines = servers.map(({ name, id, address, port, connections }) => {
    const busy = connections.filter((connection) => connection.busy).length;
    const idle = connections.length - busy;
    return `${backend}/${name} 3/${id} ${address} ${port} - 5000 ${busy} ${busy} ${busy} 0 ${idle} -1 ${idle} ${idle} 0\n`;
  });
  const columns =
    '# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[2]';
  return `${columns}\n${lines.join('')}`;
}

function showStat(process: HaproxyProcess, backend: string): string {
  const asked = backend === '-1' ? process.backends() : [backend];
  if (asked.some((name) => process.servers(name) === undefined)) return 'No such proxy.\n';
  const lines = asked.flatMap((name) =>
    (process.servers(name) ?? []).map((server) => {
      const busy = server.connections.filter((connection) => connection.busy).length;
      return `${name},${server.name},0,0,${busy},${busy},,0,0,0,,0,,0,0,0,0,no check,${server.weight},1,0,,,0,,,1,3,${server.id},,0,,2,0,,0,\n`;
    }),
  );
  return `# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,check_status,\n${lines.join('')}`;
}

function unknownCommand(process: HaproxyProcess, word: string): string {
  const named = process.asynchronous ? `Unknown command: '${word}'` : 'Unknown command';
  return `${named}, but maybe one of the following ones is a better match:\n  help [<command>]                        : list matching or all commands\n`;
}
