/** The other end of a gateway: takes the replies that leave the house and checks who signed them. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What a callback carries. */
export interface Delivery {
  delivery_id: string;
  message_id: number;
  conversation_id: number;
  guest: { id: number; name: string; whatsapp_number: string | null; guest_ref: string | null };
  room_number: string | null;
  department: string;
  sender_name: string;
  content: string;
}

export class Gateway {
  key = '';
  readonly url: string;
  /** Every genuine one, in the order they came. */
  readonly deliveries: Delivery[] = [];
  readonly #server: Server;
  readonly #came = new EventEmitter();
  #secret = '';
  /** What it answers to a genuine reply: another status refuses it. */
  status = 204;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/replies`;
    server.on('request', (request, response) => {
      void this.#take(request).then((isGenuine) => response.writeHead(isGenuine ? this.status : 401).end());
    });
  }

  static async listen(): Promise<Gateway> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Gateway(server);
  }

  /** What the command line gave out for it. */
  use({ key, signing_secret }: { key: string; signing_secret: string }): void {
    this.key = key;
    this.#secret = signing_secret;
  }

  /** Waits for the reply with this content. */
  async delivery(content: string): Promise<Delivery> {
    for (;;) {
      const delivery = this.deliveries.find((each) => each.content === content);
      if (delivery) return delivery;
      await once(this.#came, 'delivery');
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage): Promise<boolean> {
    const body = await text(request);
    const timestamp = String(request.headers['x-frontdesk-timestamp']);
    const digest = createHmac('sha256', this.#secret).update(`${timestamp}.${body}`).digest('hex');
    const expected = Buffer.from(`sha256=${digest}`);
    const signature = Buffer.from(String(request.headers['x-frontdesk-signature']));
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return false;
    this.deliveries.push(JSON.parse(body) as Delivery);
    this.#came.emit('delivery');
    return true;
  }
}
