/** One or two letters for a person's picture: the first letters of the first and the last word of the name. */
export function initialsOf(name: string): string {
  const words = name.split(/[\s_-]+/u).filter(Boolean);
  const [first, last] = [words.at(0), words.length > 1 ? words.at(-1) : undefined];
  const initials = [first, last].map((word) => [...(word ?? '')][0] ?? '').join('');
  return initials.toLocaleUpperCase() || '?';
}
