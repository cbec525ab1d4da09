/**
 * Whether anybody would see something of the text: it does not consist only of spaces, combining marks and
 * characters that are never drawn. The server has the same rule in `server/src/text/visible.rs`; both run the cases
 * of `client-cases/visible.json`.
 */
export function hasVisibleCharacter(text: string): boolean {
  return VISIBLE.test(text);
}

// U+2800 and U+1D159 are symbols without a picture: the empty Braille cell and the empty note head.
const VISIBLE = /[^\p{White_Space}\p{M}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u{2800}\u{1D159}]/u;
