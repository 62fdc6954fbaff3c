// NumPy's file format, as far as row indices need it.

/** A one-dimensional NPY 1.0 file of little-endian int64. */
export function encodeNpy(values: readonly number[]): Uint8Array {
  const description = `{'descr': '<i8', 'fortran_order': False, 'shape': (${values.length},), }`;
  // Magic, version, header length and header together are a multiple of 64 bytes, the header ends with a newline.
  const headerLength = Math.ceil((10 + description.length + 1) / 64) * 64 - 10;
  const header = Buffer.alloc(10 + headerLength, ' ');
  header.write('\x93NUMPY\x01\x00', 'latin1');
  header.writeUInt16LE(headerLength, 8);
  header.write(description, 10, 'latin1');
  header.write('\n', 9 + headerLength, 'latin1');
  return Buffer.concat([header, Buffer.from(BigInt64Array.from(values, BigInt).buffer)]);
}
