/** A map that is copied when it is first changed: what no frame touched keeps its identity, and nothing redraws. */
export class Edited<K, V> {
  #map: ReadonlyMap<K, V>;
  #own: Map<K, V> | null = null;

  constructor(map: ReadonlyMap<K, V>) {
    this.#map = map;
  }

  get map(): ReadonlyMap<K, V> {
    return this.#map;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): void {
    this.#mine().set(key, value);
  }

  delete(key: K): void {
    if (this.#map.has(key)) this.#mine().delete(key);
  }

  clear(): void {
    this.#map = this.#own = new Map();
  }

  #mine(): Map<K, V> {
    if (this.#own === null) this.#map = this.#own = new Map(this.#map);
    return this.#own;
  }
}
