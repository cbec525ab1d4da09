/** The whole address of a path of the server (`/staff/`): below the page, which a proxy may serve below a path of its own. */
export function addressOf(path: string, page = document.baseURI): URL {
  return new URL(path.replace(/^\/+/u, ''), page);
}

/** The address of its socket. */
export function socketAddressOf(path: string, page = document.baseURI): string {
  const address = addressOf(path, page);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  return address.href;
}
