/** An id that nobody else has. `crypto.randomUUID` is there on secure origins only; a hotel's network may be plain http. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
