/** What can lie over the inbox; one at a time. */
export type Overlay =
  | 'account'
  | 'pause'
  | 'notifications'
  | 'house'
  | 'erase'
  | 'help'
  | 'palette'
  | 'new'
  | 'transfer'
  | 'share'
  | 'outbox'
  | 'certificate'
  | 'sign_out';

export type Show = (overlay: Overlay | null) => void;
