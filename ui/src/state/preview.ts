/** As the server does it: one line of at most 100 characters, ending in `…` when cut. */
export function preview(content: string): string {
  const line = content.trim().split(/\s+/u).join(' ');
  const characters = [...line];
  return characters.length <= 100 ? line : `${characters.slice(0, 99).join('').trimEnd()}…`;
}
