import { describe, expect, it } from 'vitest';
import cases from '../../../client-cases/search.json';
import { matchOf, piecesOf, queryOf } from './search';

const guest = (name: string, room_number: string | null = null, whatsapp_number: string | null = null) => ({
  guest_info: { id: 1, name, room_number, whatsapp_number, language: null },
});

const finds = (query: string, ...of: Parameters<typeof guest>) => matchOf(guest(...of), queryOf(query)) !== null;

describe('searching', () => {
  it.each(cases)('finds the same as the server: $query in $name, $room, $number', (of) => {
    expect(finds(of.query, of.name, of.room, of.number)).toBe(of.matches);
  });

  it('capital letters, accents, apostrophes and dashes make no difference', () => {
    for (const query of ["o'connor", 'oconnor', 'O’CONNOR', 'o`connor'])
      expect(finds(query, 'Sinéad O’Connor')).toBe(true);
    for (const query of ['anne-marie', 'annemarie', 'anne‐marie', 'anne marie'])
      expect(finds(query, 'Anne–Marie')).toBe(true);
    expect(finds('sinead', 'Sine\u0301ad')).toBe(true);
    expect(finds('strasse', 'Große Straße')).toBe(true);
    expect(finds("'", 'O’Connor')).toBe(false);
  });

  it('words match in any order, in the name, the room and the number', () => {
    expect(finds('amelia 204', 'Amelia Hart', '204')).toBe(true);
    expect(finds('204 hart amelia', 'Amelia Hart', '204')).toBe(true);
    expect(finds('edelweiss', 'Amelia Hart', 'Chalet Edelweiss 12B')).toBe(true);
    expect(finds('hart 900123', 'Amelia Hart', '204', '447700900123')).toBe(true);
    expect(finds('amelia 205', 'Amelia Hart', '204')).toBe(false);
  });

  it('numbers are found as people write them', () => {
    for (const query of ['+44 7700 900123', '+447700900123', '(07700) 900-123', '00447700900123', '900 123']) {
      expect(finds(query, 'Amelia', null, '447700900123'), query).toBe(true);
    }
    expect(finds('07700 900124', 'Amelia', null, '447700900123')).toBe(false);
  });

  it('the places are those of the text as it is written', () => {
    const marked = (text: string, query: string) => {
      const match = matchOf(guest(text), queryOf(query));
      return piecesOf(text, match?.name ?? []).map(({ text: piece, isFound }) => (isFound ? `[${piece}]` : piece));
    };
    expect(marked('Sinéad O’Connor', 'oconn')).toEqual(['Sinéad ', '[O’Conn]', 'or']);
    expect(marked('Sine\u0301ad', 'sine')).toEqual(['[Sine\u0301]', 'ad']);
    expect(marked('Große 𝔸nna', 'gross anna')).toEqual(['[Groß]', 'e ', '[𝔸nna]']);
    expect(marked('Anna Hannah', 'anna')).toEqual(['[Anna]', ' Hannah']);
    expect(marked('Anna', 'ann nna')).toEqual(['[Ann]', '[a]']);
    expect(marked('Amelia Hart', 'hart amelia')).toEqual(['[Amelia]', ' ', '[Hart]']);
  });

  it('a number that is written with spaces is found as one', () => {
    const match = matchOf(guest('Amelia', null, '+447700900123'), queryOf('(07700) 900 123'));
    expect(piecesOf('+447700900123', match?.number ?? [])).toEqual([
      { text: '+44', isFound: false },
      { text: '7700900123', isFound: true },
    ]);
  });
});
