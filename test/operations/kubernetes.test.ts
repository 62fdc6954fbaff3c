import { describe, expect, test } from 'vitest';
import { STOP_TIMEOUT_MS } from '../../workers/supervisor.ts';
import { isPinned, readText, readYaml } from './container.ts';

interface Probe {
  httpGet: { path: string; port: string };
}

interface Container {
  image: string;
  args: string[];
  envFrom: { configMapRef: { name: string } }[];
  env: {
    name: string;
    value?: string;
    valueFrom?: { secretKeyRef: { name: string; key: string; optional: boolean } };
  }[];
  ports: { name: string; containerPort: number }[];
  startupProbe: Probe;
  readinessProbe: Probe;
  livenessProbe: Probe;
  resources: { requests: Record<string, string>; limits: Record<string, string> };
  securityContext: { allowPrivilegeEscalation: boolean; capabilities: { drop: string[] } };
  volumeMounts: { name: string; mountPath: string }[];
}

interface Deployment {
  kind: string;
  metadata: { name: string; labels: object };
  spec: {
    selector: { matchLabels: object };
    template: {
      metadata: { labels: object; annotations: Record<string, string> };
      spec: {
        terminationGracePeriodSeconds: number;
        automountServiceAccountToken: boolean;
        securityContext: { runAsNonRoot: boolean; runAsUser: number };
        containers: [Container];
        volumes: { name: string; persistentVolumeClaim: { claimName: string } }[];
      };
    };
  };
}

interface Settings {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
}

const control = readYaml('examples/kubernetes/control.yaml')[0] as Deployment;
const compute = readYaml('examples/kubernetes/compute.yaml')[0] as Deployment;
const settings = readYaml('examples/kubernetes/settings.yaml') as Settings[];
const deployments: [string, Deployment][] = [
  ['control', control],
  ['compute', compute],
];

describe.each(deployments)('examples/kubernetes/%s.yaml', (kind, { metadata, spec }) => {
  const pod = spec.template.spec;
  const [container] = pod.containers;
  const portOf = (name: string): number | undefined =>
    container.ports.find((port) => port.name === name)?.containerPort;

  test('is a deployment whose selector finds its own pods', () => {
    expect(metadata.name).toBe(`tive-${kind}`);
    expect(spec.selector.matchLabels).toEqual(spec.template.metadata.labels);
    expect(metadata.labels).toEqual(spec.template.metadata.labels);
  });

  test('runs the worker from a tag that does not move, with metrics and JSON', () => {
    expect(container.image).toSatisfy(isPinned);
    expect(container.args.slice(0, 2)).toEqual(['worker', kind]);
    expect(container.args.join(' ')).toContain('--metrics 0.0.0.0:9464 --log-format json');
  });

  test('is not root and may not become it', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container.securityContext).toEqual({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
    expect(pod.automountServiceAccountToken).toBe(false);
  });

  test('has probes on ports that it serves', () => {
    for (const { httpGet } of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      expect(httpGet.path).toBe('/metrics');
      expect([9464, 9465]).toContain(portOf(httpGet.port));
    }
  });

  test('is given time to drain', () => {
    const forced = /shutdownForceTime: '30s'/.test(readText('workers/control-worker.ts')) ? 30 : Infinity;
    const drainSeconds = kind === 'control' ? forced : STOP_TIMEOUT_MS / 1000;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(drainSeconds);
  });

  test('takes its settings from the map, and the key from a secret that may be absent', () => {
    const map = settings.find((document) => document.kind === 'ConfigMap')!;
    expect(container.envFrom).toEqual([{ configMapRef: { name: map.metadata.name } }]);
    expect(map.data).toHaveProperty('TEMPORAL_ADDRESS');
    expect(container.args).not.toContain('--address');
    const key = container.env.find(({ name }) => name === 'TEMPORAL_API_KEY')!;
    expect(key.valueFrom?.secretKeyRef).toEqual({ name: 'tive-temporal', key: 'api-key', optional: true });
    expect(key.value).toBeUndefined();
  });

  test('mounts the claim, and says what it needs', () => {
    const claim = settings.find((document) => document.kind === 'PersistentVolumeClaim')!;
    expect(pod.volumes).toEqual([{ name: 'data', persistentVolumeClaim: { claimName: claim.metadata.name } }]);
    expect(container.volumeMounts).toEqual([{ name: 'data', mountPath: '/data' }]);
    expect(Object.keys(container.resources.requests)).toEqual(['cpu', 'memory']);
    expect(container.resources.limits).toHaveProperty('memory');
  });
});

test('compute pods run one process, and its metrics are scraped and probed at the port after the supervisor’s', () => {
  const [container] = compute.spec.template.spec.containers;
  expect(container.args.join(' ')).toContain('--processes 1');
  expect(container.ports).toEqual([
    { name: 'supervisor', containerPort: 9464 },
    { name: 'metrics', containerPort: 9465 },
  ]);
  expect(compute.spec.template.metadata.annotations['prometheus.io/port']).toBe('9465');
  expect(container.readinessProbe.httpGet.port).toBe('metrics');
});
