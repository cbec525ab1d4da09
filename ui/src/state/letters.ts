/** Two letters for each name, no two alike where that can be: Reception RC, Room service RS, Restaurant RT. */
export function lettersFor(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const letters = candidates(name).find((each) => !taken.has(each)) ?? name.slice(0, 2).toUpperCase();
    taken.add(letters);
    return letters;
  });
}

function candidates(name: string): string[] {
  const words = name
    .toUpperCase()
    .split(/[\s_-]+/u)
    .filter(Boolean);
  const [first = '?'] = [...(words[0] ?? '')];
  const rest = [...words.join('')].slice(1);
  const initials = words.length > 1 ? [[...(words[1] ?? '')][0] ?? ''] : [];
  const consonants = rest.filter((letter) => !/[AEIOU]/u.test(letter));
  return [...initials, ...consonants, ...rest].map((second) => first + second);
}
