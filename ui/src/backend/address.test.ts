import { expect, it } from 'vitest';
import { addressOf, socketAddressOf } from './address';

it.each([
  ['https://desk.example/', 'https://desk.example/staff/?limit=1', 'wss://desk.example/ws/chat/'],
  ['http://127.0.0.1:8765/', 'http://127.0.0.1:8765/staff/?limit=1', 'ws://127.0.0.1:8765/ws/chat/'],
  ['https://hotel.example/desk/', 'https://hotel.example/desk/staff/?limit=1', 'wss://hotel.example/desk/ws/chat/'],
  ['https://hotel.example/desk/?a#b', 'https://hotel.example/desk/staff/?limit=1', 'wss://hotel.example/desk/ws/chat/'],
])('calls of the page at %s go below it', (page, call, socket) => {
  expect(addressOf('/staff/?limit=1', page).href).toBe(call);
  expect(socketAddressOf('/ws/chat/', page)).toBe(socket);
});
