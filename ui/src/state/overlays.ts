/** What can lie over the inbox; one at a time. */
export type Overlay = 'help' | 'palette' | 'new' | 'transfer' | 'share';

export type Show = (overlay: Overlay | null) => void;
