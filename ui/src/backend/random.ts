/** An id that nobody else has. `crypto.randomUUID` is there on secure origins only; a hotel's network may be plain http. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Without those that look alike; 32 of them, so that every one is as likely as any other. */
const LETTERS = 'abcdefghijkmnopqrstuvwxyz2345679';

/** A password that nobody has to think of: 80 bits, in groups that can be read out. */
export function randomPassword(): string {
  const letters = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => LETTERS[byte % LETTERS.length]);
  return letters.join('').replace(/.{4}(?=.)/gu, '$&-');
}
