/** What all forms do. */
import { tick } from 'svelte';

/** After a refusal: on to the first field that is wrong, where there is one. */
export async function focusInvalid(form: HTMLFormElement | undefined): Promise<void> {
  await tick();
  form?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}
