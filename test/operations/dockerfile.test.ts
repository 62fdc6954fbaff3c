import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isPinned, readDockerfile } from './container.ts';

const root = join(import.meta.dirname, '../..');
const instructions = readDockerfile('Dockerfile');
const named = (name: string): string[] => instructions.filter((line) => line.name === name).map(({ rest }) => rest);

/** Instructions of the last stage: what the image is. */
const lastStage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));

describe('Dockerfile', () => {
  test('has instructions that Docker knows, and no other', () => {
    const known = ['FROM', 'RUN', 'WORKDIR', 'COPY', 'ENV', 'USER', 'VOLUME', 'EXPOSE', 'HEALTHCHECK'];
    expect(
      instructions.map(({ name }) => name).filter((name) => ![...known, 'ENTRYPOINT', 'CMD'].includes(name)),
    ).toEqual([]);
  });

  test('builds in stages, each from a tag that does not move, with glibc and a supported Node', () => {
    const images = named('FROM').map((rest) => rest.split(' ')[0]!);
    expect(images.length).toBeGreaterThan(1);
    for (const image of images) {
      expect(image).toSatisfy(isPinned);
      expect(image).toMatch(/^node:(20\.19|22|24)\..*-bookworm-slim$/);
    }
  });

  test('runs as user 1000 from the last stage on, and nothing after it is root', () => {
    const users = lastStage.filter(({ name }) => name === 'USER').map(({ rest }) => rest);
    expect(users).toEqual(['1000:1000']);
  });

  test('copies files that exist, from the sources or from the stage before', () => {
    const stages = named('FROM').flatMap((rest) => / AS (\w+)$/i.exec(rest)?.[1] ?? []);
    for (const rest of named('COPY')) {
      const words = rest.split(' ');
      const from = /^--from=(\w+)$/.exec(words[0]!)?.[1];
      if (from !== undefined) {
        expect(stages).toContain(from);
        words.shift();
      }
      for (const source of words.slice(0, -1)) {
        const path = from === undefined ? source : source.replace(/^\/app\//, '');
        // Made by the build itself.
        if (['node_modules', 'dist', '/opt/tensorflow'].includes(path)) continue;
        expect(existsSync(join(root, path)), path).toBe(true);
      }
    }
  });

  test('adds nothing by address, and pipes nothing from the network into a shell', () => {
    expect(named('ADD')).toEqual([]);
    expect(named('RUN').filter((rest) => /\b(curl|wget)\b|https?:/.test(rest))).toEqual([]);
  });

  test('installs by the lockfile without install scripts, and builds the engine before the image is done', () => {
    const runs = named('RUN');
    expect(runs).toContain('npm ci --ignore-scripts');
    expect(runs).toContain('npm run build');
    expect(runs).toContain('node setup/image.mjs /opt/tensorflow');
    expect(named('ENV').join(' ')).toContain('TIVE_TENSORFLOW_DIR=/opt/tensorflow');
  });

  test('holds what the published package holds', () => {
    const copied = lastStage
      .filter(({ name }) => name === 'COPY')
      .map(({ rest }) => rest)
      .join(' ');
    const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { files: string[] };
    const needed = files.filter((name) => !name.startsWith('!') && !/\.md$|^LICENSE$/.test(name));
    for (const name of needed) expect(copied, name).toContain(`/app/${name}`);
  });

  test('has a health check on the port that its command serves metrics at', () => {
    const [check] = named('HEALTHCHECK');
    const command = JSON.parse(named('CMD')[0]!) as string[];
    expect(command[command.indexOf('--metrics') + 1]).toBe('0.0.0.0:9464');
    expect(check).toContain('http://127.0.0.1:9464/metrics');
    expect(named('EXPOSE')).toEqual(['9464']);
  });

  test('takes no build output or runs of the checkout into the build', () => {
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
    expect(ignored).toEqual(expect.arrayContaining(['node_modules', 'dist', '.git', 'runs', 'tive-store']));
  });
});
