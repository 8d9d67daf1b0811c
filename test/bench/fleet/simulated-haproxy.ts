/**
 * A stand-in for an HAProxy where the machine cannot carry a real one: a Runtime API in prompt mode that knows the
 * commands of a pass, with one backend of declared slots. It answers as 3.0 does, except that addresses take effect at
 * once. Cheap, because it runs on the processors of what is measured.
 */

export const SIMULATED_VERSION = '3.0.0-simulated';
const HEADER =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port';
const MASKS: Readonly<Record<string, number>> = { ready: 4, drain: 12, maint: 5 };

interface Server {
  readonly name: string;
  readonly id: number;
  address: string;
  port: number;
  mask: number;
  weight: number;
  /** Its line of `show servers state`; made anew when something changed. */
  line: string;
}

export interface SimulatedHaproxy {
  /** The answer to one line, with the prompt behind it; null: hang up. */
  answer(line: string): string | null;
}

export function simulatedHaproxy(backend: string, slots: number, pid: number): SimulatedHaproxy {
  const servers = new Map<string, Server>();
  for (let id = 1; id <= slots; id += 1) {
    const server = { name: `websrv${id}`, id, address: '0.0.0.0', port: 80, mask: 5, weight: 1, line: '' };
    server.line = stateLine(backend, server);
    servers.set(server.name, server);
  }
  let state: string | null = null;

  const show = (line: string): string | null => {
    if (line === 'prompt') return '';
    if (line === 'show info')
      return `Name: HAProxy\nVersion: ${SIMULATED_VERSION}\nPid: ${pid}\nUptime_sec: 60\n\n`;
    if (line === 'show cli level') return 'admin\n\n';
    if (line === 'show servers state' || line === `show servers state ${backend}`) {
      state ??= `1\n${HEADER}\n${[...servers.values()].map((server) => server.line).join('')}\n`;
      return state;
    }
    if (line.startsWith('show stat ')) {
      const lines = [...servers.values()].map(({ name }) => `${backend},${name},0,0,0,0\n`);
      return `# pxname,svname,qcur,qmax,scur,smax\n${lines.join('')}\n`;
    }
    return null;
  };
  const set = (line: string): string => {
    const [, , reference = '', what, value = '', , port = ''] = line.split(' ');
    const server = servers.get(reference.slice(backend.length + 1));
    if (server === undefined) return 'No such server.\n\n';
    state = null;
    let reply = '';
    if (what === 'addr') {
      reply = `IP changed from '${server.address}' to '${value}', port changed from '${server.port}' to '${port}' by 'stats socket command'\n\n`;
      server.address = value;
      server.port = Number(port);
    } else if (what === 'state') server.mask = MASKS[value] ?? server.mask;
    else if (what === 'weight') server.weight = Number(value);
    server.line = stateLine(backend, server);
    return reply;
  };
  return {
    answer(line) {
      if (line === 'quit') return null;
      const reply = line.startsWith('set server ') ? set(line) : show(line);
      return `${reply ?? 'Unknown command\n\n'}\n> `;
    },
  };
}

function stateLine(backend: string, { id, name, address, mask, weight, port }: Server): string {
  const operational = (mask & 1) === 0 ? 2 : 0;
  return `3 ${backend} ${id} ${name} ${address} ${operational} ${mask} ${weight} 1 60 1 0 0 0 0 0 0 - ${port} - 0 0 - - 0\n`;
}
