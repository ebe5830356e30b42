import type { Partition } from "./partition.ts";

/** Selects the events of a partition. */
export interface PartitionKey {
  readonly tenantId: string;
  /** Undefined: any connector. */
  readonly connector: string | undefined;
  /** An exact type, or a prefix ending in a star. Undefined: any type. */
  readonly type: string | undefined;
}

/** The partitions by tenant, connector and type. Empty ones are dropped. */
export class PartitionMap {
  readonly #tenants = new Map<string, Map<string | undefined, PartitionsByType>>();

  readonly #newPartition: () => Partition;

  constructor(newPartition: () => Partition) {
    this.#newPartition = newPartition;
  }

  /** Returns the partition of a key; creates it if there is none. */
  open({ tenantId, connector, type }: PartitionKey): Partition {
    const connectors = this.#tenants.get(tenantId) ?? new Map<string | undefined, PartitionsByType>();
    const types = connectors.get(connector) ?? new PartitionsByType(this.#newPartition);
    if (types.isEmpty) this.#tenants.set(tenantId, connectors.set(connector, types));
    return types.open(type);
  }

  /** Drops the partition of a key if it is empty. */
  close({ tenantId, connector, type }: PartitionKey): void {
    const connectors = this.#tenants.get(tenantId);
    const types = connectors?.get(connector);
    if (connectors === undefined || types === undefined) return;
    types.close(type);
    if (types.isEmpty) connectors.delete(connector);
    if (connectors.size === 0) this.#tenants.delete(tenantId);
  }

  /** Calls back with every partition that covers the event. */
  each(
    event: { tenantId: string; connector: string; type: string },
    use: (partition: Partition) => void,
  ): void {
    const connectors = this.#tenants.get(event.tenantId);
    connectors?.get(event.connector)?.each(event.type, use);
    connectors?.get(undefined)?.each(event.type, use);
  }
}

class PartitionsByType {
  #any: Partition | undefined;
  readonly #exact = new Map<string, Partition>();
  readonly #prefixes = new Map<string, Partition>();
  /** The distinct lengths of the prefixes. */
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
    const [partitions, name] = this.#mapOf(type);
    let partition = partitions.get(name);
    if (partition === undefined) {
      partition = this.#newPartition();
      partitions.set(name, partition);
      this.#updatePrefixLengths();
    }
    return partition;
  }

  close(type: string | undefined): void {
    if (type === undefined) {
      if (this.#any?.isEmpty) this.#any = undefined;
      return;
    }
    const [partitions, name] = this.#mapOf(type);
    if (!partitions.get(name)?.isEmpty) return;
    partitions.delete(name);
    this.#updatePrefixLengths();
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

  #mapOf(type: string): [Map<string, Partition>, name: string] {
    return type.endsWith("*") ? [this.#prefixes, type.slice(0, -1)] : [this.#exact, type];
  }

  #updatePrefixLengths(): void {
    this.#prefixLengths = [...new Set([...this.#prefixes.keys()].map((prefix) => prefix.length))];
  }
}
