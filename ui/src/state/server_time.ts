/** Takes the server's time from acknowledgments of commands, whose way is measured here. */
import { serverTime } from '../backend/server_time';
import type { Backend, BackendEvent } from '../backend/types';

/** The backend, observed. */
export function measured(backend: Backend): Backend {
  const command: Backend['command'] = async (given) => {
    const asked = performance.now();
    const acknowledgment = await backend.command(given);
    if (acknowledgment) serverTime.fromTimestamp(acknowledgment.timestamp, performance.now() - asked);
    return acknowledgment;
  };
  // A browser has measured it already, on its own socket.
  if (!backend.isDesktop) return { ...backend, command };
  const start: Backend['start'] = (onEvent) =>
    backend.start((event) => {
      observe(event);
      onEvent(event);
    });
  return { ...backend, command, start };
}

/** The server writes the time into what it says at a connection's beginning, as it says it. */
function observe(event: BackendEvent): void {
  if (event.kind !== 'frame' || event.frame.type !== 'acknowledgment') return;
  const { status, timestamp } = event.frame;
  if (status === 'resumed' || status === 'resync_required') serverTime.fromTimestamp(timestamp, 0);
}
