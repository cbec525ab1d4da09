/** The time that waiting clocks show: one timer for all of them, ticking with the second. */
let now = $state(Date.now());

setInterval(() => {
  now = Date.now();
}, 1_000);

export const clock = {
  get now(): number {
    return now;
  },
};
