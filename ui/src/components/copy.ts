/** Copying what is shown only once. */
import { t } from '../i18n';

/** Returns what is to be said of it. */
export async function copy(text: string, shown: HTMLElement | undefined): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return t('second_factor.copied');
  } catch {
    // Not on every origin and not everywhere on the desktop: the person copies what is marked.
    if (shown) getSelection()?.selectAllChildren(shown);
    return t('second_factor.marked');
  }
}
