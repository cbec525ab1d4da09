/** A person's browser at the desk. Controls are found as a screen reader finds them: by role and name. */
import { expect, type Locator, type Page } from '@playwright/test';
import { PASSWORD } from './house';

export function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/gu, '\\$&');
}

/** What became of a text. */
type State = 'Waiting' | 'Sending' | 'Sent' | 'Not delivered yet' | 'Delivered' | 'Read' | 'Not delivered' | 'Not sent';

export class Desk {
  readonly page: Page;
  readonly username: Locator;
  readonly password: Locator;
  readonly signInButton: Locator;
  readonly conversations: Locator;
  readonly log: Locator;
  readonly box: Locator;
  readonly send: Locator;
  readonly close: Locator;
  readonly connection: Locator;
  readonly dialog: Locator;
  /** What the program says in passing. */
  readonly toasts: Locator;

  constructor(page: Page) {
    this.page = page;
    this.username = page.getByRole('textbox', { name: 'Username', exact: true });
    this.password = page.getByRole('textbox', { name: 'Password', exact: true });
    this.signInButton = page.getByRole('button', { name: 'Sign in', exact: true });
    this.conversations = page.getByRole('list', { name: 'Conversations', exact: true });
    this.log = page.getByRole('log', { name: 'Messages', exact: true });
    this.box = page.getByRole('textbox', { name: 'Message', exact: true });
    this.send = page.getByRole('button', { name: 'Send', exact: true });
    this.close = page.getByRole('button', { name: 'Close conversation', exact: true });
    this.connection = page.getByRole('status', { name: 'Connection', exact: true });
    this.dialog = page.getByRole('dialog');
    this.toasts = page.getByRole('region', { name: 'Notices' });
  }

  /** Through the form. */
  async signIn(username: string, password = PASSWORD): Promise<void> {
    await this.username.fill(username);
    await this.password.fill(password);
    await this.signInButton.click();
  }

  async isConnected(): Promise<void> {
    await expect(this.connection).toHaveText('Connected');
  }

  /** Waiting, Open or Closed. */
  async show(tab: 'Waiting' | 'Open' | 'Closed' | 'Not reached' | 'Transferred by me'): Promise<void> {
    await this.page.getByRole('tab', { name: new RegExp(`^${tab}`, 'u') }).click();
  }

  /** A conversation of the list, by how its name begins: room, then guest. */
  row(start: string): Locator {
    return this.conversations.getByRole('listitem', { name: new RegExp(`^${escaped(start)}`, 'u') });
  }

  async open(start: string, by: 'click' | 'tap' = 'click'): Promise<void> {
    const row = this.row(start).getByRole('button');
    // A row that has just moved takes no tap.
    await expect(async () => {
      if (!(await this.log.isVisible()) || (await row.isVisible())) await row[by]({ timeout: 2_000 });
      await expect(this.log).toBeVisible({ timeout: 500 });
      if (await row.isVisible()) await expect(row).toHaveAttribute('aria-current', 'true', { timeout: 500 });
    }).toPass();
  }

  /** The heading of the open conversation, by the guest's name. */
  titled(guest: string): Locator {
    return this.page.getByRole('heading', { name: new RegExp(`${escaped(guest)}$`, 'u') });
  }

  async say(text: string): Promise<void> {
    await this.box.fill(text);
    await this.send.click();
  }

  /** A text of the open conversation. */
  text(text: string): Locator {
    return this.log.getByText(text, { exact: true });
  }

  /** One of my texts with what became of it, as they are read out: text, time, state. */
  async hasState(text: string, state: State): Promise<void> {
    await expect(this.log).toContainText(new RegExp(`${escaped(text)}\\s*\\d{1,2}:\\d{2}\\s*${state}`, 'u'), {
      useInnerText: true,
    });
  }

  /** The page is not wider than its window. */
  async fits(): Promise<void> {
    const { content, window } = await this.page.evaluate(() => ({
      content: document.documentElement.scrollWidth,
      window: document.documentElement.clientWidth,
    }));
    expect(content).toBeLessThanOrEqual(window);
  }
}
