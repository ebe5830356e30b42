import type { Partition } from "./partition.ts";

/** Which events reach a partition: of one connector or, undefined, of any; of a type, a prefix with a star, or any. */
export interface Route {
  readonly tenantId: string;
  readonly connector: string | undefined;
  readonly type: string | undefined;
}

/** The partitions, by tenant, connector and type. It holds none that is empty. */
export class Routes {
  readonly #tenants = new Map<string, Map<string | undefined, TypeRoutes>>();

  readonly #newPartition: () => Partition;

  constructor(newPartition: () => Partition) {
    this.#newPartition = newPartition;
  }

  /** The partition of a route; it is made if there is none. */
  open({ tenantId, connector, type }: Route): Partition {
    const connectors = this.#tenants.get(tenantId) ?? new Map<string | undefined, TypeRoutes>();
    const types = connectors.get(connector) ?? new TypeRoutes(this.#newPartition);
    if (types.isEmpty) this.#tenants.set(tenantId, connectors.set(connector, types));
    return types.open(type);
  }

  /** Forgets the partition of a route if it is empty. */
  close({ tenantId, connector, type }: Route): void {
    const connectors = this.#tenants.get(tenantId);
    const types = connectors?.get(connector);
    if (connectors === undefined || types === undefined) return;
    types.close(type);
    if (types.isEmpty) connectors.delete(connector);
    if (connectors.size === 0) this.#tenants.delete(tenantId);
  }

  /** Calls back with every partition that the event reaches. */
  each(
    event: { tenantId: string; connector: string; type: string },
    use: (partition: Partition) => void,
  ): void {
    const connectors = this.#tenants.get(event.tenantId);
    connectors?.get(event.connector)?.each(event.type, use);
    connectors?.get(undefined)?.each(event.type, use);
  }
}

class TypeRoutes {
  #any: Partition | undefined;
  readonly #exact = new Map<string, Partition>();
  readonly #prefixes = new Map<string, Partition>();
  /** The lengths of the prefixes, each once. */
  #prefixLengths: readonly number[] = [];
  readonly #newPartition: () => Partition;

  constructor(newPartition: () => Partition) {
    this.#newPartition = newPartition;
  }

  get isEmpty(): boolean {
    return this.#any === undefined && this.#exact.size === 0 && this.#prefixes.size === 0;
  }

  open(type: string | undefined): Partition {
    if (type === undefined) {
      this.#any ??= this.#newPartition();
      return this.#any;
    }
    const [partitions, name] = this.#placeOf(type);
    let partition = partitions.get(name);
    if (partition === undefined) {
      partition = this.#newPartition();
      partitions.set(name, partition);
      this.#measure();
    }
    return partition;
  }

  close(type: string | undefined): void {
    if (type === undefined) {
      if (this.#any?.isEmpty) this.#any = undefined;
      return;
    }
    const [partitions, name] = this.#placeOf(type);
    if (!partitions.get(name)?.isEmpty) return;
    partitions.delete(name);
    this.#measure();
  }

  each(type: string, use: (partition: Partition) => void): void {
    if (this.#any !== undefined) use(this.#any);
    const exact = this.#exact.get(type);
    if (exact !== undefined) use(exact);
    for (const length of this.#prefixLengths) {
      const prefix = type.length < length ? undefined : this.#prefixes.get(type.slice(0, length));
      if (prefix !== undefined) use(prefix);
    }
  }

  #placeOf(type: string): [Map<string, Partition>, string] {
    return type.endsWith("*") ? [this.#prefixes, type.slice(0, -1)] : [this.#exact, type];
  }

  #measure(): void {
    this.#prefixLengths = [...new Set([...this.#prefixes.keys()].map((prefix) => prefix.length))];
  }
}
