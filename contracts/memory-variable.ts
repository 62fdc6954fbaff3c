// How a compute process is told of the memory that it may use.

/** Environment variable: bytes that one compute process may use. The supervisor sets it; a user's value wins. */
export const MEMORY_VARIABLE = 'TIVE_MEMORY_BYTES';
