/** `hitless check`: the configuration file alone, and with `--live` everything that it names. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createCertificates } from '../../infra/local/certificates.ts';
import { ARTICLE_BACKEND, createBench, fakeConsul, haproxy, TEMPLATE, tcp, unix } from './bench.ts';
import { endpoints } from './fake-consul.ts';

const INSTANCES = { lb1: 'unix:///nowhere.sock', lb2: 'tcp://127.0.0.1:1' };
const offline = { consul: 'http://127.0.0.1:1', instances: INSTANCES, fleet: ['template: edge.cfg.j2'] };

describe('offline', () => {
  test('says what the file says, defaults included, and asks nobody', async () => {
    const { code, stdout, stderr } = await createBench(offline).hitless('check');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('fleet edge: 2 instances, 1 backend');
    expect(stdout).toMatch(
      /^ {2}be_template +my-cluster +- +passing +websrv1-100 +4 .* 0\.0\.0\.0:80 +30s +50% +1m /m,
    );
    expect(stdout).toMatch(/^ {2}lb1 +unix:\/\/\/nowhere\.sock$/m);
    expect(stdout).toMatch(/\nOK\n$/);
  });

  test('a template that lacks the servers is a problem', async () => {
    const bench = createBench(offline);
    writeFileSync(join(bench.folder, 'edge.cfg.j2'), 'backend be_template\n');
    const { code, stdout } = await bench.hitless('check');
    expect(code).toBe(1);
    expect(stdout).toMatch(/problem {2}.*edge\.cfg\.j2: has no servers of be_template/);
    const told = JSON.parse((await bench.hitless('check --json')).stdout);
    expect([told.ok, told.fleets.edge.problems.length]).toEqual([false, 1]);
  });

  test('a state file that will not restore addresses is noted', async () => {
    const bench = createBench(offline);
    const withStateFile = TEMPLATE.replace('defaults\n', 'defaults\n  load-server-state-from-file global\n');
    writeFileSync(join(bench.folder, 'edge.cfg.j2'), withStateFile);
    const { code, stdout } = await bench.hitless('check');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /note {5}.*`load-server-state-from-file global`: a state file does not restore the addresses/,
    );
  });

  test('a fleet without a template is told what that means', async () => {
    const { stdout } = await createBench({ ...offline, fleet: [] }).hitless('check');
    expect(stdout).toContain('note     no template, so no configuration is rendered');
  });
});

describe('--live', () => {
  test('all is well: version, level, slots, Consul and store, and exit 0', async () => {
    const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
    const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
    consul.register(endpoints(1, 2));
    const { code, stdout } = await hitless('check --live');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ {2}lb +unix:\S+ +\d+\.\d+\S* +admin +ok$/m);
    expect(stdout).toContain('Consul   my-cluster: 2 registrations');
    expect(stdout).toContain('store    no table yet');
  });

  test('each problem is named: level, slots, backend, reach, Consul, store', async () => {
    const few = ARTICLE_BACKEND.replace('1-100', '1-7');
    const [limited, other] = await Promise.all([
      haproxy({ level: 'operator', backend: few }),
      haproxy({ backend: ARTICLE_BACKEND.replace('be_template', 'be_other') }),
    ]);
    const bench = createBench({
      consul: 'http://127.0.0.1:1',
      instances: {
        limited: unix(limited),
        other: tcp(other),
        again: unix(other),
        dead: 'unix:///nowhere.sock',
      },
    });
    writeFileSync(join(bench.folder, 'store'), 'a file in the way');
    const { code, stdout } = await bench.hitless('check --live');
    expect(code).toBe(1);
    for (const problem of [
      'limited: its Runtime API has level operator: give its `stats socket` line in haproxy.cfg `level admin`',
      'limited: its backend be_template has 7 of 100 slots, the first missing one is websrv8',
      'other: it has no backend be_template with servers',
      'dead: no Runtime API at unix:///nowhere.sock: ',
      'GET /v1/health/service/my-cluster at http://127.0.0.1:1: connect ECONNREFUSED',
      `cannot get ${bench.folder}/store/fleets/edge/slots.json`,
    ]) {
      expect(stdout).toContain(`  problem  ${problem}`);
    }
    expect(stdout).toContain('note     other and again have the same version and process id');
  });

  test('a service that Consul does not have is a problem', async () => {
    const [lb, consul] = await Promise.all([haproxy(), fakeConsul()]);
    const { hitless } = createBench({ consul: consul.url, instances: { lb: unix(lb) } });
    const { code, stdout } = await hitless('check --live');
    expect(code).toBe(1);
    expect(stdout).toContain('problem  Consul has no service my-cluster');
  });

  test('a tls:// port that answers in plain text is a problem, one that speaks TLS is none', async () => {
    const certificates = await createCertificates();
    onTestFinished(() => certificates.remove());
    const [lb, consul] = await Promise.all([haproxy({ tls: certificates }), fakeConsul()]);
    consul.register(endpoints(1, 1));
    const { ca, cert, key } = certificates;
    const { hitless } = createBench({
      consul: consul.url,
      instances: {
        good: `tls://127.0.0.1:${lb.tlsRuntime?.port}`,
        plain: tcp(lb).replace('tcp:', 'tls:'),
      },
      fleet: [`tls: { ca: "${ca}", cert: "${cert}", key: "${key}" }`],
    });
    const { code, stdout } = await hitless('check --live');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ {2}good .* admin +ok$/m);
    expect(stdout).toMatch(/problem {2}plain: .*it answers in plain text, not TLS/);
  });
});
