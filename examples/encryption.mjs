// Payload codec for TIVE_PAYLOAD_CODECS: AES-256-GCM with the key of 64 hex digits in TIVE_PAYLOAD_KEY.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import proto from '@temporalio/proto';

const { Payload } = proto.temporal.api.common.v1;
const ENCODING = Buffer.from('binary/encrypted');
const [NONCE_BYTES, TAG_BYTES] = [12, 16];

const text = process.env.TIVE_PAYLOAD_KEY ?? '';
if (!/^[0-9a-f]{64}$/i.test(text)) {
  throw new Error(`TIVE_PAYLOAD_KEY: must be 64 hex digits, got ${text.length} characters; openssl rand -hex 32`);
}
const key = Buffer.from(text, 'hex');

function encrypt(payload) {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const body = Buffer.concat([cipher.update(Payload.encode(payload).finish()), cipher.final()]);
  return { metadata: { encoding: ENCODING }, data: Buffer.concat([nonce, cipher.getAuthTag(), body]) };
}

function decrypt(payload) {
  if (!ENCODING.equals(payload.metadata?.encoding ?? Buffer.alloc(0))) return payload;
  const data = Buffer.from(payload.data);
  const decipher = createDecipheriv('aes-256-gcm', key, data.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(data.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    const body = Buffer.concat([decipher.update(data.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return Payload.decode(body);
  } catch (error) {
    throw new Error('TIVE_PAYLOAD_KEY: must be the key that the payload was encrypted with, got another one', {
      cause: error,
    });
  }
}

export const payloadCodecs = [
  {
    encode: async (payloads) => payloads.map(encrypt),
    decode: async (payloads) => payloads.map(decrypt),
  },
];
