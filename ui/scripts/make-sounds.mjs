// Writes the three sounds of `public/sounds/`, which browsers and the desktop app play: `node scripts/make-sounds.mjs`.
// They are computed here from sine waves, so they are the project's own work, under the project's licence.
import { Buffer } from 'node:buffer';
import { mkdirSync, writeFileSync } from 'node:fs';

const RATE = 16_000;
/** Seconds; at 16 bits this is 48,000 bytes. */
const LENGTH = 1.5;
/** Loud enough across a desk, with room before the samples would be clipped. */
const PEAK = 0.8;

/** A struck note: sine waves [frequency ratio, loudness, seconds until it has faded to a third]. */
const timbres = {
  bell: [
    [0.5, 0.25, 0.6],
    [1, 1, 0.42],
    [1.19, 0.3, 0.3],
    [2, 0.45, 0.25],
    [2.74, 0.22, 0.16],
    [4.07, 0.12, 0.1],
  ],
  chime: [
    [1, 1, 0.45],
    [2.76, 0.3, 0.2],
    [5.4, 0.1, 0.08],
  ],
  marimba: [
    [1, 1, 0.2],
    [3.93, 0.35, 0.06],
    [9.2, 0.08, 0.02],
  ],
};

/** [seconds, hertz, loudness] of each note. */
const tunes = {
  bell: [
    [0, 880, 1],
    [0.28, 698.46, 0.9],
  ],
  chime: [
    [0, 1046.5, 0.9],
    [0.16, 1318.51, 0.9],
    [0.32, 1567.98, 1],
  ],
  marimba: [
    [0, 523.25, 1],
    [0.14, 659.26, 0.95],
    [0.28, 783.99, 0.95],
    [0.42, 1046.5, 1],
  ],
};

function samples(name) {
  const out = new Float64Array(RATE * LENGTH);
  for (const [start, hertz, loudness] of tunes[name]) {
    for (let i = Math.round(start * RATE); i < out.length; i += 1) {
      const t = i / RATE - start;
      // Without a soft start, each note would begin with a click.
      const attack = Math.min(1, t / 0.004);
      for (const [ratio, strength, fade] of timbres[name]) {
        if (hertz * ratio < RATE / 2) {
          out[i] += loudness * strength * attack * Math.exp(-t / fade) * Math.sin(2 * Math.PI * hertz * ratio * t);
        }
      }
    }
  }
  const end = 0.15;
  const loudest = out.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return out.map((value, i) => (value / loudest) * PEAK * Math.min(1, (LENGTH - i / RATE) / end));
}

function wave(name) {
  const values = samples(name);
  const file = Buffer.alloc(44 + values.length * 2);
  file.write('RIFF', 0);
  file.writeUInt32LE(file.length - 8, 4);
  file.write('WAVEfmt ', 8);
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(RATE, 24);
  file.writeUInt32LE(RATE * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36);
  file.writeUInt32LE(values.length * 2, 40);
  values.forEach((value, i) => file.writeInt16LE(Math.round(value * 32_767), 44 + i * 2));
  return file;
}

const folder = new URL('../public/sounds/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const name of Object.keys(tunes)) {
  writeFileSync(new URL(`${name}.wav`, folder), wave(name));
}
