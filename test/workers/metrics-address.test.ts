import { describe, expect, test } from 'vitest';
import { computeMetricsAddress, parseMetricsAddress } from '../../workers/metrics-address.ts';

describe('parseMetricsAddress', () => {
  test.each([
    ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }],
    ['0.0.0.0:1', { host: '0.0.0.0', port: 1 }],
    ['[::1]:65535', { host: '[::1]', port: 65_535 }],
  ])('reads %s', (text, address) => {
    expect(parseMetricsAddress(text)).toEqual(address);
  });

  test.each([
    '',
    '9464',
    ':9464',
    'host:',
    'host:0',
    'host:65536',
    'host:http',
    '::1:9464',
    'localhost:80',
    '[host]:80',
    '127.0.0.1:http',
    'host:80/metrics',
  ])('refuses "%s"', (text) => {
    expect(parseMetricsAddress(text)).toBeNull();
  });
});

test('compute processes serve at the ports after that of the command', () => {
  const address = { host: '0.0.0.0', port: 9464 };
  expect([0, 1, 7].map((index) => computeMetricsAddress(address, index).port)).toEqual([9465, 9466, 9472]);
});
