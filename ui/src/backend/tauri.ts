/** The desktop: every call is a command in Rust, where the connection, the token and the outbox live. */
import { Channel, invoke } from '@tauri-apps/api/core';
import type { Backend, BackendEvent } from './types';

export function tauriBackend(): Backend {
  return {
    isDesktop: true,
    start: (onEvent) => {
      const channel = new Channel<BackendEvent>();
      channel.onmessage = onEvent;
      return invoke('start', { onEvent: channel });
    },
    chooseServer: (choice) => invoke('choose_server', { choice }),
    setupState: () => invoke('setup_state'),
    setup: (body) => invoke('setup', { body }),
    signIn: (username, password, code) => invoke('sign_in', { username, password, code }),
    signOut: () => invoke('sign_out'),
    connect: (from) => invoke('connect', { from }),
    sendText: (conversationId, content) => invoke('send_text', { conversationId, content }),
    retryText: (clientId) => invoke('retry_text', { clientId }),
    withdrawText: (clientId) => invoke('withdraw_text', { clientId }),
    drafts: () => invoke('drafts'),
    saveDraft: (conversationId, text) => invoke('save_draft', { conversationId, text }),
    command: (command) => invoke('command', { command }),
    request: (method, path, body) => invoke('request', { method, path, body }),
    settings: () => invoke('settings'),
    saveSettings: (settings) => invoke('save_settings', { settings }),
    sharing: () => invoke('sharing'),
    trustCertificate: (fingerprint) => invoke('trust_certificate', { fingerprint }),
    share: (wanted) => invoke('share', { wanted }),
    quit: () => invoke('quit'),
    findServers: () => invoke('find_servers'),
    // Title and tray follow the attention rule in Rust, which goes on while the window is hidden.
    setUnread: () => Promise.resolve(),
    alertPreferences: () => invoke('alert_preferences'),
    saveAlertPreferences: (preferences) => invoke('save_alert_preferences', { preferences }),
    setPause: (pause) => invoke('set_pause', { pause }),
    silence: () => invoke('silence'),
    playSound: (sound) => invoke('play_sound', { sound }),
    testAlert: () => invoke('test_alert'),
    setPresence: (presence) => invoke('set_presence', { presence }),
    reconnectNow: () => invoke('reconnect_now'),
    setOpen: (conversationId) => invoke('set_open', { conversationId }),
  };
}
